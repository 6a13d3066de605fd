import type { OrchestrationContext, Task } from "durable-functions";
import { agentHeard, agentInstall } from "./agent-install.ts";
import type { Machine } from "./contract.ts";

/**
 * Brings a protected machine the agent of this build, and waits until it is the one that speaks. Its spool and its journal go
 * on. Input: `Machine`. @throws AgentNotInstalled, AgentSilent
 */
export function* upgradeAgent(context: OrchestrationContext): Generator<Task, void, never> {
  const { machine } = context.df.getInput<Machine>();
  yield* agentInstall(context, { machine });
  yield* agentHeard(context, { machine }, ({ registered, outdated }) => registered && outdated !== true);
}
