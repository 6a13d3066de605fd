import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import { beginCapture } from "./capture.ts";
import { type AgentView, type Machine, type SourceFacts, call } from "./contract.ts";
import { type JobSteps, secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

/** From capture, by what the machine is captured by, to its first recovery point. @throws AgentSilent, TimedOut */
export function* firstCopy(
  context: OrchestrationContext,
  { capture }: Pick<SourceFacts, "capture">,
  machine: Machine,
  steps: JobSteps,
): Generator<Task, void, never> {
  yield* beginCapture(capture, context, machine, steps);
  yield* steps.run("start replication", call(context, "startReplicate", machine));
  yield* steps.run("initial copy", initialCopy(context, machine, steps));
  yield* steps.run("first recovery point", firstPoint(context, machine));
}

/** Waits until the target holds all of the disks. @throws AgentSilent when the agent has stopped */
function* initialCopy(
  context: OrchestrationContext,
  machine: Machine,
  steps: JobSteps,
): Generator<Task, void, never> {
  for (let round = 0; ; round++) {
    const agent = yield* call(context, "observeAgent", machine);
    if (agent.copied) return;
    if (agent.problem?.stopped) throw stopped(machine, agent);
    steps.show(progressOf(agent));
    yield* sleep(context, copyWait(agent, round));
  }
}

/** A few looks over the time that the copy still takes: a short one is not waited out, a long one makes no long history. */
function copyWait({ done, total, rate }: AgentView, round: number): Millis {
  if (rate === 0) return pollWait(round, millis(30_000));
  const left = ((total - done) / rate) * 1000;
  return millis(Math.round(Math.min(Math.max(left / 4, 1000), 30_000)));
}

const stopped = ({ machine }: Machine, { problem }: AgentView) =>
  new LeewardError("AgentSilent", `the agent of ${machine} stopped: ${problem?.code} ${problem?.message}`);

const progressOf = ({ done, total, rate }: AgentView) => ({
  done,
  total,
  rate,
  ...(rate > 0 && { etaSeconds: Math.ceil((total - done) / rate) }),
});

/** A recovery point comes within this time after the initial copy. */
const POINT_PATIENCE_SECONDS = 15 * 60;

/** @throws TimedOut */
function* firstPoint(context: OrchestrationContext, machine: Machine): Generator<Task, void, never> {
  const start = replayedNow(context);
  yield* call(context, "startPoint", machine);
  for (let round = 0; ; round++) {
    const { points } = yield* call(context, "countPoints", machine);
    if (points > 0) return;
    if (secondsSince(context, start) > POINT_PATIENCE_SECONDS)
      throw new LeewardError("TimedOut", `no recovery point of ${machine.machine} came`);
    yield* sleep(context, pollWait(round, millis(3000)));
  }
}
