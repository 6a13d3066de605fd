import type { OperationId } from "../engine/core/ids.ts";
import type { Micros } from "../engine/core/units.ts";
import type { Rest } from "../engine/recovery/shut-down.ts";
import type { ArmSent, Does, Machine } from "./contract.ts";

/** Those of a failover that shuts its source down before. */
export interface ShutDownActivities {
  /** Shuts the source machine down, as from within, and gives its host back. */
  shutDownSource: Does<Machine, ArmSent>;
  /** What is missing of the journal of a source that is off, and asks for it where that has to be asked for. @param since as microseconds */
  carryRest: Does<Machine & { readonly since: Micros }, Rest>;
  /** The machine's generation is over from here on. */
  fenceSource: Does<Machine & { readonly operation: OperationId }>;
  /** Writes down what somebody should know of the failover, although it goes on. */
  noteFailover: Does<Machine & { readonly words: string }>;
}
