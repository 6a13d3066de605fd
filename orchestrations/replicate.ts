import type { OrchestrationContext, Task } from "durable-functions";
import { CATALOGUE } from "../engine/core/errors.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import { LADDER } from "../engine/core/retry.ts";
import { type Machine, type ShipResult, call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { eventWithin } from "./timer.ts";

/** Wakes a machine's replication before its timer does. */
export const WAKE = "wake";

export interface ReplicateInput extends Machine {
  /** Failures in a row that may pass by themselves; picks the rung of the ladder. */
  readonly failures?: number;
  /** Rounds in a row that found nothing; many when absent. */
  readonly quiet?: number;
}

/** Between rounds: soon while there is work, less often while there is none. */
const BUSY: Millis = millis(500);
const IDLE: Millis = millis(2000);
/** A machine that writes evenly has a segment ready every few seconds: so long none counts as work. */
const QUIET_ROUNDS = 12;

/** No waits inside a round: the next round is the retry, and the health of the item says so meanwhile. */
const ONCE: readonly Millis[] = [];

/**
 * Carries a machine's journal to the target region for as long as it is protected: ship, cut, see to checkpoints, a short wait,
 * and again as a new execution, so that no history grows. Input: `ReplicateInput`; instance id: `replicate-{machine}`.
 */
export function* replicate(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine, failures = 0, quiet = QUIET_ROUNDS } = context.df.getInput<ReplicateInput>();
  const outcome = yield* round(context, { machine }, failures, quiet);
  if (outcome === "ended") return;
  yield* eventWithin(context, WAKE, outcome.wait);
  const next: ReplicateInput = { machine, failures: outcome.failures, quiet: outcome.quiet };
  context.df.continueAsNew(next);
}

interface GoOn {
  readonly wait: Millis;
  readonly failures: number;
  readonly quiet: number;
}

function* round(
  context: OrchestrationContext,
  machine: Machine,
  failures: number,
  quietBefore: number,
): Generator<Task, GoOn | "ended", never> {
  try {
    const shipped = yield* call(context, "ship", machine, ONCE);
    if (shipped.state === "ended") return "ended";
    if (shipped.marks) yield* call(context, "cut", machine, ONCE);
    if (shipped.checkpointDue) yield* call(context, "startCheckpoint", machine, ONCE);
    if (failures > 0) yield* call(context, "noteHealth", { ...machine, stopped: false });
    const quiet = shipped.state === "shipped" ? 0 : Math.min(quietBefore + 1, QUIET_ROUNDS);
    return { wait: waitAfter(shipped, quiet), failures: 0, quiet };
  } catch (error) {
    return yield* troubled(context, machine, failures, error);
  }
}

const waitAfter = (shipped: ShipResult, quiet: number): Millis => {
  if (shipped.more) return millis(1);
  return quiet < QUIET_ROUNDS ? BUSY : IDLE;
};

/** What may pass is tried again, later each time; anything else stops replication until somebody acts. */
function* troubled(
  context: OrchestrationContext,
  machine: Machine,
  failures: number,
  error: unknown,
): Generator<Task, GoOn | "ended", never> {
  const { code, message } = decodeFailure(error);
  const stopped = CATALOGUE[code].class !== "retry";
  yield* call(context, "noteHealth", { ...machine, problem: { code, message }, stopped });
  if (stopped) return "ended";
  const wait = LADDER[Math.min(failures, LADDER.length - 1)] ?? IDLE;
  return { wait, failures: failures + 1, quiet: QUIET_ROUNDS };
}
