import type { AgentMode, Mark } from "../engine/contract/agent-api.ts";
import type { LeewardError } from "../engine/core/errors.ts";
import { type Bytes, type Generation, type Micros, type Ordinal, bytes } from "../engine/core/units.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import type { Barriers, RefusedBarrier, SetBarrier } from "./barrier.ts";
import type { Comparison, ComparisonProgress } from "./comparison.ts";
import type { Missed } from "./missed.ts";
import type { Outbox } from "./outbox.ts";
import type { Pressure, Rung } from "./pressure.ts";
import type { Recorder } from "./recorder.ts";
import type { SpoolState } from "./spool-state.ts";
import type { Spool } from "./spool.ts";

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
  readonly pressure: {
    readonly rung: Rung;
    readonly since: Micros;
    /** Changed and not in the journal. */
    readonly unrecorded?: { readonly since: Micros; readonly bytes: Bytes; readonly writes: number };
  };
  /** All that was in the spool is in the cache, which has been well for a time. */
  readonly recovered: boolean;
  readonly problem: LeewardError | undefined;
}

interface RunParts {
  readonly state: SpoolState;
  readonly broken: { readonly error: LeewardError; readonly since: Micros } | undefined;
  readonly spool: Spool;
  readonly outbox: Outbox;
  readonly recorder: Recorder;
  readonly comparison: Comparison;
  readonly barriers: Barriers;
  readonly pressure: Pressure;
  readonly missed: Missed;
}

export function statusOf(run: RunParts): RunStatus {
  const { state, broken, spool, outbox, comparison, barriers, pressure } = run;
  const { cached, uploaded } = state;
  const comparing = state.base ? "resync" : "initial-copy";
  const unrecorded = unrecordedOf(run);
  return {
    generation: cached.generation,
    mode: broken ? "stopped" : comparison.place ? comparing : "streaming",
    captured: spool.end,
    cached,
    backlog: {
      segments: outbox.segments + (spool.openSince === undefined ? 0 : 1),
      bytes: bytes(spool.end.bytes - cached.bytes),
    },
    uploaded,
    written: run.recorder.written,
    initialCopy: comparison.progress,
    barriers: barriers.set,
    refused: barriers.refused,
    keptFrom: outbox.keptFrom,
    pressure: {
      ...(broken
        ? { rung: "broken" as const, since: broken.since }
        : { rung: pressure.rung, since: pressure.since }),
      ...(unrecorded && { unrecorded }),
    },
    recovered: outbox.segments === 0 && pressure.calm,
    problem: broken ? pressure.afterBreak(broken.error) : (pressure.problem ?? barriers.problem),
  };
}

/** Merged and not recorded when the journal ended, and what came behind its end. */
function unrecordedOf({ broken, pressure, missed }: RunParts): RunStatus["pressure"]["unrecorded"] {
  const { unrecorded: merged } = pressure;
  const { writes, bytes: size } = missed.count;
  if (!broken || writes === 0) return merged;
  return {
    since: merged?.since ?? broken.since,
    bytes: bytes((merged?.bytes ?? 0) + size),
    writes: (merged?.writes ?? 0) + writes,
  };
}
