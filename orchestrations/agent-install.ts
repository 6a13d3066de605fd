import type { OrchestrationContext, Task } from "durable-functions";
import { LeewardError } from "../engine/core/errors.ts";
import { millis } from "../engine/core/units.ts";
import { armOperation } from "./arm-operation.ts";
import { type AgentView, type Machine, call } from "./contract.ts";
import { secondsSince } from "./job-status.ts";
import { pollWait, replayedNow, sleep } from "./timer.ts";

/** An agent that was installed says so within this time, or something is wrong. */
const PATIENCE_SECONDS = 15 * 60;

/** In Azure's words: the VM has an extension of this kind already. */
const TAKEN = "per handler not supported";

/**
 * Brings the machine the agent, or this version of it. Azure itself ends an installation after 90 minutes.
 * @throws AgentNotInstalled with the end of what the script said
 */
export function* agentInstall(context: OrchestrationContext, machine: Machine): Generator<Task, void, never> {
  try {
    yield* armOperation(context, "installAgent", machine);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (!error.message.includes(TAKEN)) throw yield* notInstalled(context, machine, error);
    yield* byCommand(context, machine);
  }
}

/** By Azure, or by the script's own exit code. */
const isRefusal = (error: unknown): error is LeewardError =>
  error instanceof LeewardError && error.code === "ArmFailed";

function* byCommand(context: OrchestrationContext, machine: Machine): Generator<Task, void, never> {
  try {
    yield* armOperation(context, "installAgentByCommand", machine);
  } catch (error) {
    throw isRefusal(error) ? yield* notInstalled(context, machine, error) : error;
  }
}

function* notInstalled(
  context: OrchestrationContext,
  machine: Machine,
  error: LeewardError,
): Generator<Task, LeewardError, never> {
  const said = yield* report(context, machine);
  return new LeewardError("AgentNotInstalled", `${error.message}; ${said}`, error);
}

function* report(context: OrchestrationContext, machine: Machine): Generator<Task, string, never> {
  const { carrier, state, exitCode, said } = yield* call(context, "observeInstall", machine);
  if (carrier === "none") return "Azure knows of no installation";
  const how = exitCode === undefined ? state : `${state}, exit code ${exitCode}`;
  return `its ${carrier}: ${how}${said === "" ? "" : `: ${said.trim()}`}`;
}

/** Resolves when the agent has said what is wanted of it. @throws AgentSilent with how its installation went */
export function* agentHeard(
  context: OrchestrationContext,
  machine: Machine,
  wanted: (agent: AgentView) => boolean,
): Generator<Task, void, never> {
  const start = replayedNow(context);
  for (let round = 0; ; round++) {
    if (wanted(yield* call(context, "observeAgent", machine))) return;
    if (secondsSince(context, start) > PATIENCE_SECONDS) {
      const said = yield* report(context, machine);
      throw new LeewardError("AgentSilent", `the agent of ${machine.machine} did not register; ${said}`);
    }
    yield* sleep(context, pollWait(round, millis(15_000)));
  }
}
