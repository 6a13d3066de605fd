import type { OrchestrationContext, Task } from "durable-functions";
import { CATALOGUE } from "../engine/core/errors.ts";
import type { Millis } from "../engine/core/units.ts";
import { LADDER } from "../engine/core/retry.ts";
import { type Machine, type RetainResult, call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { sleep } from "./timer.ts";

/** The ladder is climbed here, where the item's health can say so. */
const ONCE: readonly Millis[] = [];

const STEPS = ["thin", "compact", "sweep"] as const;

/** So many turns of building layers in a row; a sweep comes next, and new points are thinned, before it goes on. */
const MOST_TURNS = 10;
/** Some five hours of turns: what is left then waits for the next run. */
const MOST_ROUNDS = 10;

/**
 * Thins points, then merges segments into layers, then deletes what no kept point needs: each step decides anew on what
 * it finds, so it may die anywhere and run twice. Goes round again while there are layers to build, so that one that
 * takes days holds up nothing else. Beside shipping and verification, and behind both; the timer function starts the next
 * run. Input: `Machine`; instance id: `retain-{machine}`.
 */
export function* retain(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine } = context.df.getInput<Machine>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    let left = false;
    for (const step of STEPS) {
      let state: RetainResult["state"] | "gaveUp" = "more";
      for (let turn = 0; turn < MOST_TURNS && state === "more"; turn++)
        state = yield* persist(context, step, { machine });
      if (state === "ended" || state === "gaveUp") return;
      left ||= state === "more";
    }
    if (!left) return;
  }
}

function* persist(
  context: OrchestrationContext,
  step: (typeof STEPS)[number],
  input: Machine,
): Generator<Task, RetainResult["state"] | "gaveUp", never> {
  for (let failures = 0; ; failures++) {
    try {
      return (yield* call(context, step, input, ONCE)).state;
    } catch (error) {
      const { code, message } = decodeFailure(error);
      yield* call(context, "noteRetention", { ...input, problem: { code, message } });
      const wait = LADDER[failures];
      if (wait === undefined || CATALOGUE[code].class !== "retry") return "gaveUp";
      yield* sleep(context, wait);
    }
  }
}
