import type { OrchestrationContext, Task } from "durable-functions";
import type { OperationId } from "../engine/core/ids.ts";
import { agentHeard, agentInstall } from "./agent-install.ts";
import type { Machine } from "./contract.ts";
import { JobSteps, recordedJob } from "./job-status.ts";

const WEIGHTS = { "install the agent": 3, "wait for the agent": 1 };

/**
 * Brings a protected machine the agent of this build, and waits until it is the one that speaks. Its spool and its journal go
 * on. Input: `JobInput`; without an operation, as older ones have it, nobody is told how it ended.
 * @throws AgentNotInstalled, AgentSilent
 */
export function* upgradeAgent(context: OrchestrationContext): Generator<Task, unknown, never> {
  const { machine, operation } = context.df.getInput<Machine & { readonly operation?: OperationId }>();
  const steps = new JobSteps(context, WEIGHTS);
  const upgrade = upgraded(context, { machine }, steps);
  if (operation === undefined) return yield* upgrade;
  return yield* recordedJob(context, { operation, machine }, steps, upgrade);
}

function* upgraded(
  context: OrchestrationContext,
  machine: Machine,
  steps: JobSteps,
): Generator<Task, void, never> {
  yield* steps.run("install the agent", agentInstall(context, machine));
  yield* steps.run(
    "wait for the agent",
    agentHeard(context, machine, ({ registered, outdated }) => registered && outdated !== true),
  );
}
