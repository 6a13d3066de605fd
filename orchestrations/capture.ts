import type { OrchestrationContext, Task } from "durable-functions";
import type { CaptureProvider } from "../engine/recovery/capture-provider.ts";
import { agentHeard, agentInstall } from "./agent-install.ts";
import { type Machine, call } from "./contract.ts";
import type { JobSteps } from "./job-status.ts";

/** Brings a provider to where it captures; returns when its journal has begun. */
type Begin = (
  context: OrchestrationContext,
  machine: Machine,
  steps: JobSteps,
) => Generator<Task, void, never>;

const BEGIN: Readonly<Record<CaptureProvider, Begin>> = { nbd: byAgent, snapshots: byImages };

/** @param provider absent in histories from before there was a choice */
export const beginCapture = (
  provider: CaptureProvider | undefined,
  ...args: Parameters<Begin>
): Generator<Task, void, never> => BEGIN[provider ?? "nbd"](...args);

function* byAgent(...[context, machine, steps]: Parameters<Begin>): Generator<Task, void, never> {
  yield* steps.run("install the agent", agentInstall(context, machine));
  yield* steps.run(
    "wait for the agent",
    agentHeard(context, machine, ({ registered }) => registered),
  );
}

/** Nothing is installed: capture runs here, beside replication. */
function* byImages(...[context, machine, steps]: Parameters<Begin>): Generator<Task, void, never> {
  yield* steps.run("begin capture", call(context, "startCapture", machine));
}
