import type { OrchestrationContext, Task } from "durable-functions";
import { CATALOGUE } from "../engine/core/errors.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import { LADDER } from "../engine/core/retry.ts";
import { type Machine, call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { sleep } from "./timer.ts";

/** No waits inside an attempt: the ladder is climbed here, where the item's health can say so. */
const ONCE: readonly Millis[] = [];
const LAST_RUNG = LADDER.at(-1) ?? millis(0);

/** Some hours of turns: behind them a new execution goes on, so that no history grows. */
const MOST_TURNS = 100;

/**
 * Brings the replica to the newest point, in as many turns as that takes, beside shipping, which a large checkpoint must not hold up: what it costs is the
 * region loss of everything behind it. Input: `Machine`; instance id: `checkpoint-{machine}`.
 */
export function* checkpoint(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine } = context.df.getInput<Machine>();
  for (let failures = 0, turns = 0; ; failures++) {
    try {
      let turned = yield* call(context, "checkpoint", { machine }, ONCE);
      if (failures > 0) yield* call(context, "noteHealth", { machine, stopped: false });
      for (failures = 0; turned?.more; turns++) {
        if (turns === MOST_TURNS) return context.df.continueAsNew({ machine });
        turned = yield* call(context, "checkpoint", { machine }, ONCE);
      }
      return;
    } catch (error) {
      const { code, message } = decodeFailure(error);
      // Someone newer writes to the replica, as a failover does: its work, not ours.
      if (code === "FenceLost") return;
      const stopped = CATALOGUE[code].class !== "retry";
      yield* call(context, "noteHealth", { machine, problem: { code, message }, stopped });
      if (stopped) return;
      yield* sleep(context, LADDER[failures] ?? LAST_RUNG);
    }
  }
}
