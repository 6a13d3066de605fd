import type { OrchestrationContext, Task } from "durable-functions";
import type { ArmOperation } from "../engine/azure/operation.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { resourceTypeOf } from "../engine/core/ids.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import type { LeftThing } from "../engine/recovery/removed.ts";
import { type InputOf, type Leaving, type Quiet, call } from "./contract.ts";
import { type JobSteps, job, secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";
import { AGENT_CARRIER, agentRemoval } from "./uninstall-agent.ts";

const WEIGHTS = {
  "stop replication": 3,
  "remove the agent": 3,
  "delete the journal": 5,
  "delete the replica": 2,
  "empty the cache": 2,
  "delete resources in Azure": 4,
  "forget the machine": 1,
};

/** The host ends an activity after 30 minutes: what is said to be at work behind that is not. */
const QUIET_PATIENCE_SECONDS = 35 * 60;
/** Waits for an Azure that is left alone when it does not answer. */
const SHORT: readonly Millis[] = [millis(1000), millis(5000), millis(15_000)];
/** Far more than there are stages, each with all disks of a machine. */
const MOST_ROUNDS = 100;

interface Scene {
  readonly context: OrchestrationContext;
  readonly leaving: Leaving;
  readonly lenient: boolean;
}

/**
 * Takes a machine's protection away. It was fenced by the very write that began the job, so nothing that is deleted here is made
 * anew. Each step finds by itself what there is still to do: run again after a failure, it goes on. Input: `JobInput`.
 */
export function* disableProtection(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, leave);
}

function* leave(
  context: OrchestrationContext,
  leaving: Leaving,
  steps: JobSteps,
): Generator<Task, void, never> {
  const { lenient, keepPoints } = yield* steps.run("stop replication", quiet(context, leaving));
  const scene: Scene = { context, leaving, lenient };
  yield* steps.run("remove the agent", withoutAgent(scene));
  // Points first: what they are made of is gone before nobody knows what it was for.
  yield* steps.run("delete the journal", keepPoints ? kept(scene) : emptied(scene, "journal"));
  yield* steps.run("delete the replica", emptied(scene, "replica"));
  yield* steps.run(
    "empty the cache",
    unlessSilent(scene, { type: "objects", name: "the cache" }, emptied(scene, "cache")),
  );
  yield* steps.run("delete resources in Azure", withoutResources(scene));
  yield* steps.run("forget the machine", call(context, "forgetMachine", leaving));
}

/** Returns when nothing that began before the fence can still write. */
function* quiet(context: OrchestrationContext, leaving: Leaving): Generator<Task, Quiet, never> {
  const start = replayedNow(context);
  for (let round = 0; ; round++) {
    const found = yield* call(context, "quietMachine", leaving);
    if (found.atWork.length === 0 || secondsSince(context, start) > QUIET_PATIENCE_SECONDS) return found;
    yield* sleep(context, pollWait(round, millis(15_000)));
  }
}

/** An agent that cannot be taken away is named, and stays: it only serves its disks from now on. */
function* withoutAgent(scene: Scene): Generator<Task, void, never> {
  const { context, leaving, lenient } = scene;
  const { machine } = leaving;
  const agent = { type: "agent", name: machine };
  const removal = function* (): Generator<Task, void, never> {
    const { why } = yield* agentRemoval(context, { machine }, lenient ? SHORT : undefined);
    if (why !== undefined) yield* call(context, "noteLeft", { ...leaving, left: { ...agent, why } });
  };
  // What carried it goes with all that has our tags, which says what becomes of it. A machine that is switched off, or gone,
  // refuses whatever is to be changed on it.
  const carrier = { type: AGENT_CARRIER, name: machine };
  yield* unlessSilent(scene, agent, unlessRefused(scene, carrier, removal()));
}

function* kept({ context, leaving }: Scene): Generator<Task, void, never> {
  const left = { type: "objects", name: `machines/${leaving.machine}`, why: "kept, as it was asked for" };
  yield* call(context, "noteLeft", { ...leaving, left });
}

function* emptied(
  { context, leaving, lenient }: Scene,
  from: InputOf<"removeObjects">["from"],
): Generator<Task, void, never> {
  const ladder = lenient && from === "cache" ? SHORT : undefined;
  while ((yield* call(context, "removeObjects", { ...leaving, from }, ladder)).more);
}

function* withoutResources(scene: Scene): Generator<Task, void, never> {
  const { context, leaving } = scene;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const { operations, more } = yield* call(context, "removeResources", leaving);
    for (const operation of operations) {
      const { resource: name } = operation;
      const thing = { type: resourceTypeOf(name), name };
      yield* unlessRefused(scene, thing, unlessSilent(scene, thing, ended(context, operation)));
    }
    if (!more) return;
  }
  throw new LeewardError(
    "TimedOut",
    `resources of ${leaving.machine} are still there after ${MOST_ROUNDS} rounds`,
  );
}

function* ended(context: OrchestrationContext, sent: ArmOperation): Generator<Task, void, never> {
  for (let operation: ArmOperation | undefined = sent; operation;) {
    yield* sleep(context, operation.retryAfter);
    ({ operation } = yield* call(context, "pollArm", { operation }));
  }
}

type Part = Generator<Task, void, never>;

/** What Azure refuses is left, and said. */
const unlessRefused = (scene: Scene, thing: Omit<LeftThing, "why">, part: Part): Part =>
  orLeft(scene, thing, part, ({ code }) => code === "ArmFailed" || code === "ForeignResource");

/** So is what does not answer, where that was asked for. */
const unlessSilent = (scene: Scene, thing: Omit<LeftThing, "why">, part: Part): Part =>
  orLeft(scene, thing, part, () => scene.lenient);

function* orLeft(
  { context, leaving }: Scene,
  thing: Omit<LeftThing, "why">,
  part: Part,
  isLeft: (error: LeewardError) => boolean,
): Part {
  try {
    yield* part;
  } catch (error) {
    if (!(error instanceof LeewardError) || !isLeft(error)) throw error;
    yield* call(context, "noteLeft", { ...leaving, left: { ...thing, why: error.message } });
  }
}
