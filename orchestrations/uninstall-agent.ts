import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import type { Millis } from "../engine/core/units.ts";
import { armOperation } from "./arm-operation.ts";
import type { Machine } from "./contract.ts";

/** The extension or the command that carried an agent: a resource, and named as one where it stays. */
export const AGENT_CARRIER = "agent carrier";

/** What became of the agent on the machine; `why` it is still there. */
export interface Uninstalled {
  readonly removed: boolean;
  readonly why?: string;
}

/**
 * Takes the agent off the machine, and then what carried it there. A machine that does not run, or that uses a disk through
 * the agent, keeps it: that is said, and holds up nothing else. Input: `Machine`.
 */
export function* uninstallAgent(context: OrchestrationContext): Generator<Task, Uninstalled, never> {
  const { machine } = context.df.getInput<Machine>();
  return yield* agentRemoval(context, { machine });
}

/** @param ladder of the waits for an Azure that does not answer */
export function* agentRemoval(
  context: OrchestrationContext,
  machine: Machine,
  ladder?: readonly Millis[],
): Generator<Task, Uninstalled, never> {
  const why = yield* refusal(context, machine, ladder);
  yield* armOperation(context, "dropAgentExtension", machine, ladder);
  yield* armOperation(context, "dropAgentCommand", machine, ladder);
  return { removed: why === undefined, ...(why !== undefined && { why }) };
}

function* refusal(
  context: OrchestrationContext,
  machine: Machine,
  ladder?: readonly Millis[],
): Generator<Task, string | undefined, never> {
  try {
    yield* armOperation(context, "removeAgent", machine, ladder);
    return undefined;
  } catch (error) {
    if (error instanceof LeewardError && error.code === "ArmFailed") return error.message;
    throw error;
  }
}
