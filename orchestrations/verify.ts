import type { OrchestrationContext, Task } from "durable-functions";
import { CATALOGUE } from "../engine/core/errors.ts";
import type { Millis } from "../engine/core/units.ts";
import { LADDER } from "../engine/core/retry.ts";
import { type Machine, type VerifyResult, call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { sleep } from "./timer.ts";

/** The ladder is climbed here, where the item's health can say so. */
const ONCE: readonly Millis[] = [];

/** Some hours of turns: behind them a new execution goes on, so that no history grows. */
const MOST_TURNS = 100;

const ROADS = ["journal", "replica"] as const;

/**
 * Compares the newest recovery point, and the newest checkpoint of the replica, with what the source had, in
 * as many turns as that takes. Beside shipping and checkpoints, and behind both: whatever hinders it, they go on. Ends after one round, or as soon as the
 * machine is no longer replicated; the timer function starts the next. Input: `Machine`; instance id: `verify-{machine}`.
 */
export function* verify(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine } = context.df.getInput<Machine>();
  for (const road of ROADS) {
    const state = yield* verifyRoad(context, { machine, road });
    if (state === "ended" || state === "gaveUp") return;
    if (state === "more") return context.df.continueAsNew({ machine });
  }
}

function* verifyRoad(
  context: OrchestrationContext,
  input: Machine & { readonly road: (typeof ROADS)[number] },
): Generator<Task, VerifyResult["state"] | "gaveUp", never> {
  for (let failures = 0, turns = 0; ;) {
    try {
      const { state } = yield* call(context, "verify", input, ONCE);
      if (state !== "more" || ++turns === MOST_TURNS) return state;
      failures = 0;
    } catch (error) {
      const { code, message } = decodeFailure(error);
      yield* call(context, "noteVerification", { machine: input.machine, problem: { code, message } });
      const wait = LADDER[failures++];
      if (wait === undefined || CATALOGUE[code].class !== "retry") return "gaveUp";
      yield* sleep(context, wait);
    }
  }
}
