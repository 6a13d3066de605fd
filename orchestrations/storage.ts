import type { OrchestrationContext, Task } from "durable-functions";
import { armOperation } from "./arm-operation.ts";
import { hasCode } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import { type Machine, type SourceFacts, call } from "./contract.ts";
import { type JobSteps, secondsSince } from "./job-status.ts";
import { replayedNow, sleep } from "./timer.ts";

/** A role that was just given may take so long until the storage knows it. */
const ROLE_PATIENCE_SECONDS = 10 * 60;

/** The accounts that replication goes through, and what lies in them. Nothing is made that is there. */
export function* createStorage(
  context: OrchestrationContext,
  facts: Pick<SourceFacts, "warm" | "roles">,
  machine: Machine,
  steps: JobSteps,
): Generator<Task, void, never> {
  yield* steps.run("create the cache account", armOperation(context, "createCacheAccount", machine));
  if (facts.warm)
    yield* steps.run("create the replica account", armOperation(context, "createReplicaAccount", machine));
  if (facts.roles) yield* steps.run("assign roles", call(context, "assignRoles", machine));
  yield* steps.run("prepare the journal", oncePermitted(context, facts, "prepareJournal", machine));
  if (facts.warm)
    yield* steps.run("prepare the replica", oncePermitted(context, facts, "prepareReplica", machine));
}

/** Prepares what lies in accounts that were perhaps made, and opened to this app, just now. */
function* oncePermitted(
  context: OrchestrationContext,
  { roles }: Pick<SourceFacts, "roles">,
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
