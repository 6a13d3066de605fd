import type { OrchestrationContext, Task } from "durable-functions";
import type { JobInput } from "../engine/recovery/job.ts";
import { armOperation, armOperations, finished } from "./arm-operation.ts";
import { type Machine, type SourceFacts, call } from "./contract.ts";
import { firstCopy } from "./first-copy.ts";
import { type JobSteps, job } from "./job-status.ts";
import { createStorage } from "./storage.ts";

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
  yield* firstCopy(context, facts, machine, steps);
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
  yield* createStorage(context, facts, machine, steps);
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
