import { readFile } from "node:fs/promises";
import path from "node:path";
import { app } from "@azure/functions";
import { AGENT_VERSION } from "../engine/contract/agent-version.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { AgentPackage } from "../engine/recovery/agent-rollout.ts";
import { answering } from "./http.ts";

/** Beside the bundle; of the sources, where `npm run build` puts it. */
const FOLDER = path.join(
  import.meta.dirname,
  import.meta.filename.endsWith(".ts") ? "../dist/agent" : "agent",
);
const SUMS = "SHA256SUMS";

/** @throws InvalidSetting when this app was built without it. */
export async function agentPackage(publicUrl: string): Promise<AgentPackage> {
  const sums = await read(SUMS);
  return { url: `${publicUrl}/agent-package/${AGENT_VERSION}`, sums: sums.toString("utf8") };
}

// Without a token: a machine has none before it is installed. Nothing in it is secret, and whoever uses it knows its checksums.
app.http("agentPackage", {
  methods: ["GET"],
  route: "agent-package/{version}/{file}",
  authLevel: "anonymous",
  handler: (request, context) =>
    answering(request, context, async () => {
      const { version, file = "" } = request.params;
      const names = [...(await read(SUMS)).toString("utf8").matchAll(/^[0-9a-f]{64} {2}(.+)$/gm)].map(
        (m) => m[1],
      );
      const name = [SUMS, ...names].find((one) => one === file);
      if (version !== AGENT_VERSION || name === undefined)
        throw new LeewardError(
          "NotFound",
          `the agent's package of version ${AGENT_VERSION} has no such file`,
        );
      return { body: await read(name), headers: { "content-type": "application/octet-stream" } };
    }),
});

async function read(name: string): Promise<Buffer> {
  try {
    return await readFile(path.join(FOLDER, name));
  } catch (error) {
    throw new LeewardError(
      "InvalidSetting",
      "the agent's package is not beside the app: npm run build makes it",
      error,
    );
  }
}
