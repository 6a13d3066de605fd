import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import { type GroupBarrier, type GroupEnd, type GroupView, type InputOf, call } from "./contract.ts";
import { encodeFailure } from "./failure.ts";
import { secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

/** A barrier that has not become a point of every member by then is given up. */
const PATIENCE_SECONDS = 10 * 60;

/**
 * Asks all members of a group for one barrier at one instant, and waits until it is a point of each, or cannot become
 * one any more. Input: `GroupBarrier`; instance id: `group-{group}`, so that a group has one on its way at a time.
 */
export function* groupPoint(context: OrchestrationContext): Generator<Task, GroupEnd, never> {
  const input = context.df.getInput<GroupBarrier>();
  const { group, barrier } = input;
  const asked = yield* ask(context, input);
  if (asked === 0) return { why: "no member is protected" };
  const end = typeof asked === "number" ? yield* outcome(context, input) : asked;
  if (end) yield* call(context, "endGroupRound", { group, barrier, end });
  return end ?? { why: "another run has ended it" };
}

/** How many are asked. What cannot be asked for is the end of it, as when its list of members is lost: else no other would follow. */
function* ask(
  context: OrchestrationContext,
  input: GroupBarrier,
): Generator<Task, number | { readonly why: string }, never> {
  try {
    return (yield* call(context, "askGroup", input)).asked;
  } catch (error) {
    return { why: lasting(error).message };
  }
}

function* outcome(
  context: OrchestrationContext,
  { group, barrier }: GroupBarrier,
): Generator<Task, GroupEnd | undefined, never> {
  const start = replayedNow(context);
  let from = 0;
  for (let round = 0; secondsSince(context, start) < PATIENCE_SECONDS; round++) {
    yield* sleep(context, pollWait(round, millis(5000)));
    const seen = yield* observe(context, { group, barrier, from });
    if (seen.state === "made") return { consistency: seen.consistency };
    if (seen.state === "failed") return { why: seen.why };
    if (seen.state === "ended") return undefined;
    from = seen.ready;
  }
  return { why: "it became no recovery point of every member" };
}

/** A member's bad point is the end of it; anything that passes is tried again. */
function* observe(
  context: OrchestrationContext,
  at: InputOf<"observeGroup">,
): Generator<Task, GroupView, never> {
  try {
    return yield* call(context, "observeGroup", at);
  } catch (error) {
    return { state: "failed", why: lasting(error).message };
  }
}

/** @throws what it was, when it passes */
function lasting(error: unknown): LeewardError {
  if (error instanceof LeewardError && error.class !== "retry") return error;
  throw new Error(encodeFailure(error), { cause: error });
}
