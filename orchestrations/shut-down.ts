import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { type Micros, type Millis, micros, millis } from "../engine/core/units.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import { armOperation } from "./arm-operation.ts";
import { call } from "./contract.ts";
import { decodeFailure } from "./failure.ts";
import { type JobSteps, secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

export const SHUT_DOWN_WEIGHTS = { "shut the source down": 2, "carry the rest over": 2 };

/** Waits for a source that is failed over however this goes: its region may be what is failing. */
const SHORT: readonly Millis[] = [millis(1000), millis(5000)];
/** The rest of a journal is seconds of writes; of a capture by images, the last image. */
const PATIENCE_SECONDS = { required: 30 * 60, attempt: 5 * 60 };

/**
 * Shuts the source down and has the rest of its journal carried over; then it is fenced.
 * @returns what hindered it, where it was only to be attempted
 * @throws where it is `required`: the machine is as it was before, but off
 */
export function* withoutSource(
  context: OrchestrationContext,
  input: JobInput & { readonly shutDown: NonNullable<JobInput["shutDown"]> },
  steps: JobSteps,
): Generator<Task, readonly string[], never> {
  const notes: string[] = [];
  const unless = (what: string, work: Generator<Task, void, never>) =>
    input.shutDown === "required" ? work : noting(notes, what, work);
  const { machine, operation, shutDown } = input;
  const ladder = shutDown === "attempt" ? SHORT : undefined;
  const off = armOperation(context, "shutDownSource", { machine }, ladder);
  yield* steps.run("shut the source down", unless("the source was not shut down", off));
  const since = micros(replayedNow(context) * 1000);
  if (notes.length === 0) {
    const rest = carried(context, input, since);
    yield* steps.run("carry the rest over", unless("not all that it wrote has arrived", rest));
  }
  yield* call(context, "fenceSource", { machine, operation });
  return notes;
}

function* carried(
  context: OrchestrationContext,
  { machine, shutDown = "attempt" }: JobInput,
  since: Micros,
): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (let round = 0; ; round++) {
    yield* call(context, "drain", { machine });
    const rest = yield* call(context, "carryRest", { machine, since });
    if (rest.state === "all") return;
    if (secondsSince(context, start) > PATIENCE_SECONDS[shutDown])
      throw new LeewardError(
        "TimedOut",
        rest.state === "waiting"
          ? `the source is off, and ${rest.writes} of its writes have not arrived`
          : "the source is off, and its agent has not said that nothing more will come",
      );
    yield* sleep(context, pollWait(round, millis(10_000)));
  }
}

function* noting(
  notes: string[],
  what: string,
  work: Generator<Task, void, never>,
): Generator<Task, void, never> {
  try {
    yield* work;
  } catch (error) {
    notes.push(`${what}: ${decodeFailure(error).message}`);
  }
}
