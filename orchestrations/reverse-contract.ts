import type { OperationId } from "../engine/core/ids.ts";
import type { Bytes, Millis } from "../engine/core/units.ts";
import type { CaptureProvider } from "../engine/recovery/capture-provider.ts";
import type { ArmSent, Does, Machine } from "./contract.ts";

/** Those of a machine that is protected in the other direction. */
export interface ReverseActivities {
  /** Forgets what was known of the agent of the direction before, and says what is to be made. */
  prepareReversal: Does<Machine, ReversalFacts>;
  /** Switches the former machine off, if it runs: nobody is to write to its disks while they are read. */
  stopFormer: Does<Machine, ArmSent>;
  /** Reads the former machine's disks into the journal, for a few minutes. No SAS leaves it. */
  seedFormer: Does<Machine & { readonly operation: OperationId }, SeedResult>;
  /** Revokes whatever access there is to snapshots of the former disks, and deletes them. */
  closeFormer: Does<Machine>;
}

interface ReversalFacts {
  readonly capture: CaptureProvider;
  readonly warm: boolean;
  /** The app is given roles on the accounts that are made. */
  readonly roles?: boolean;
}

interface SeedResult {
  /** `ended`: the item is past it. */
  readonly state: "more" | "done" | "ended";
  readonly compared: Bytes;
  readonly total: Bytes;
  /** Until the snapshots are there. */
  readonly wait?: Millis;
}
