import type { AgentMode, Mark } from "../engine/contract/agent-api.ts";
import type { LeewardError } from "../engine/core/errors.ts";
import type { Bytes, Generation, Ordinal } from "../engine/core/units.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import type { RefusedBarrier, SetBarrier } from "./barrier.ts";
import type { ComparisonProgress } from "./comparison.ts";

/** Figures of one generation, as the heartbeat reports them. */
export interface RunStatus {
  readonly generation: Generation;
  readonly mode: AgentMode;
  readonly captured: Mark;
  readonly cached: JournalPosition;
  readonly backlog: { readonly segments: number; readonly bytes: Bytes };
  readonly uploaded: Bytes;
  /** Of each disk in index order, since this run began in this process. */
  readonly written: readonly { readonly bytes: number; readonly writes: number }[];
  readonly initialCopy: ComparisonProgress;
  readonly barriers: readonly SetBarrier[];
  readonly refused: readonly RefusedBarrier[];
  /** The oldest segment in the cache that can be sent again. */
  readonly keptFrom: Ordinal | undefined;
  readonly problem: LeewardError | undefined;
}
