import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import { type Millis, millis } from "../engine/core/units.ts";
import type { JobInput } from "../engine/recovery/job.ts";
import { armOperation, armOperations, finished } from "./arm-operation.ts";
import { beginCapture } from "./capture.ts";
import { type AgentView, type Machine, type SourceFacts, call } from "./contract.ts";
import { type JobSteps, job, secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

const WEIGHTS = {
  "check the source": 1,
  "create the resource group": 1,
  "create the security groups": 1,
  "create the network": 1,
  "create the availability set": 1,
  "create the cache account": 1,
  "create the replica account": 1,
  "assign roles": 1,
  "prepare the journal": 1,
  "prepare the replica": 2,
  "install the agent": 3,
  "wait for the agent": 2,
  "begin capture": 1,
  "start replication": 1,
  "initial copy": 20,
  "first recovery point": 4,
};

/** A recovery point comes within this time after the initial copy. */
const POINT_PATIENCE_SECONDS = 15 * 60;

/** Makes a machine protected: from nothing to its first recovery point. Input: `JobInput`. */
export function* enableProtection(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* job(context, WEIGHTS, protect);
}

function* protect(
  context: OrchestrationContext,
  { machine: id }: JobInput,
  steps: JobSteps,
): Generator<Task, void, never> {
  const machine: Machine = { machine: id };
  const facts = yield* steps.run("check the source", call(context, "checkSource", machine));
  yield* createTarget(context, machine, steps, facts);
  yield* beginCapture(facts.capture, context, machine, steps);
  yield* steps.run("start replication", call(context, "startReplicate", machine));
  yield* steps.run("initial copy", initialCopy(context, machine, steps));
  yield* steps.run("first recovery point", firstPoint(context, machine));
}

/** Everything that the target lacks. Each name is fixed, so that a second run finds what the first one made. */
function* createTarget(
  context: OrchestrationContext,
  machine: Machine,
  steps: JobSteps,
  facts: SourceFacts,
): Generator<Task, void, never> {
  yield* steps.run("create the resource group", armOperation(context, "createResourceGroup", machine));
  yield* createNetworks(context, machine, steps, facts);
  if (facts.availabilitySet)
    yield* steps.run("create the availability set", armOperation(context, "createAvailabilitySet", machine));
  yield* steps.run("create the cache account", armOperation(context, "createCacheAccount", machine));
  if (facts.warm)
    yield* steps.run("create the replica account", armOperation(context, "createReplicaAccount", machine));
  if (facts.roles) yield* steps.run("assign roles", call(context, "assignRoles", machine));
  yield* steps.run("prepare the journal", oncePermitted(context, facts, "prepareJournal", machine));
  if (facts.warm)
    yield* steps.run("prepare the replica", oncePermitted(context, facts, "prepareReplica", machine));
}

/** A role that was just given may take so long until the storage knows it. */
const ROLE_PATIENCE_SECONDS = 10 * 60;

function* oncePermitted(
  context: OrchestrationContext,
  { roles }: SourceFacts,
  name: "prepareJournal" | "prepareReplica",
  machine: Machine,
): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (;;) {
    try {
      yield* call(context, name, machine);
      return;
    } catch (error) {
      const waiting = roles && secondsSince(context, start) < ROLE_PATIENCE_SECONDS;
      if (!waiting || !hasCode(error, "StorageRefused")) throw error;
    }
    yield* sleep(context, millis(20_000));
  }
}

/** Rules before what they guard, and what rules name before the rules. */
function* createNetworks(
  context: OrchestrationContext,
  machine: Machine,
  steps: JobSteps,
  { networks = 1, securityGroups = 0, applicationGroups = 0 }: SourceFacts,
): Generator<Task, void, never> {
  if (securityGroups + applicationGroups > 0) yield* steps.run("create the security groups", createGroups());
  yield* steps.run("create the network", createAll());

  function* createGroups(): Generator<Task, void, never> {
    const each = (name: "createApplicationGroup" | "createSecurityGroup", count: number) =>
      armOperations(
        context,
        Array.from({ length: count }, (_, at) => call(context, name, { ...machine, at })),
      );
    yield* each("createApplicationGroup", applicationGroups);
    yield* each("createSecurityGroup", securityGroups);
  }

  function* createAll(): Generator<Task, void, never> {
    for (let network = 0; network < networks; network++)
      while (yield* createNetwork(context, network === 0 ? machine : { ...machine, network }));
  }
}

/** Whether it is to be done again: a network that is there takes one change at a time. */
function* createNetwork(
  context: OrchestrationContext,
  network: Machine & { readonly network?: number },
): Generator<Task, boolean, never> {
  const { more = false, ...sent } = yield* call(context, "createNetwork", network);
  yield* finished(context, sent);
  return more;
}

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
