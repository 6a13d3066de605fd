import { z } from "zod";
import { type ArmId, armId } from "../core/ids.ts";
import type { ArmClient } from "./arm.ts";
import { parsed } from "./arm-failure.ts";
import { type Ensured, type Owner, ensure } from "./resource.ts";

/** A managed run command: a script that the VM's own agent runs as root. Any number of them beside each other. */
export const runCommandId = (machine: ArmId, name: string): ArmId => armId(`${machine}/runCommands/${name}`);

export interface RunCommandSpec {
  readonly id: ArmId;
  /** The VM's region. */
  readonly location: string;
  /** Readable by anyone who may read the VM. */
  readonly script: string;
  readonly timeoutSeconds: number;
  readonly owner: Owner;
}

const bodyOf = ({ location, script, timeoutSeconds }: RunCommandSpec) => ({
  location,
  properties: {
    source: { script },
    asyncExecution: false,
    // Without it the deployment succeeds whatever becomes of the script.
    treatFailureAsDeploymentFailure: true,
    timeoutInSeconds: timeoutSeconds,
  },
});

/** Written again each time. Whether Azure runs a script again that has not changed is not relied on: it may run twice. */
export const ensureRunCommand = (client: ArmClient, spec: RunCommandSpec): Promise<Ensured> =>
  ensure(client, { id: spec.id, owner: spec.owner, body: bodyOf(spec), again: "write" });

const text = z
  .string()
  .nullish()
  .transform((found) => found ?? "");

const viewed = z.object({
  properties: z.object({
    instanceView: z
      .object({
        executionState: z.string(),
        exitCode: z.number().nullish(),
        executionMessage: text,
        output: text,
        error: text,
      })
      .nullish(),
  }),
});

/** How a script went. */
export interface ScriptView {
  /** As Azure says it: Pending, Running, Succeeded, Failed, TimedOut, Canceled; of an extension, its provisioning. */
  readonly state: string;
  readonly exitCode?: number;
  /** The end of what it printed; of errors, where there are any. */
  readonly said: string;
}

/** Azure keeps the last 4 KiB of each stream. Undefined when there is no such command, or nothing is known of it yet. */
export async function findRunCommand(client: ArmClient, id: ArmId): Promise<ScriptView | undefined> {
  const found = await client.find(id, { query: { $expand: "instanceView" } });
  if (found === undefined) return undefined;
  const view = parsed(viewed, found, id).properties.instanceView;
  if (!view) return undefined;
  const { executionState: state, exitCode, executionMessage, output, error } = view;
  return {
    state,
    ...(typeof exitCode === "number" && { exitCode }),
    said: error || output || executionMessage,
  };
}
