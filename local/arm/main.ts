import { readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { ProcessHypervisor, hypervisorConfig } from "../machine/hypervisor.ts";
import { boxConfig } from "./box-config.ts";
import type { Exchange } from "./published/exchange.ts";
import { startArm } from "./server.ts";

/**
 * `node local/arm/main.ts --data <directory> --box <config.json> --cert <pem> --key <pem> [--port n] [--identity-port n]`:
 * Azure Resource Manager and Entra ID of the box. Prints one line of JSON when it is ready. SIGTERM stops it and every VM;
 * after SIGKILL, VMs run on and the next start takes them over.
 */
const { values } = parseArgs({
  options: {
    data: { type: "string" },
    box: { type: "string" },
    cert: { type: "string" },
    key: { type: "string" },
    port: { type: "string", default: "0" },
    "identity-port": { type: "string", default: "0" },
  },
});

const needed = (name: "data" | "box" | "cert" | "key"): string => {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
};

const config = boxConfig.parse(JSON.parse(readFileSync(needed("box"), "utf8")));
const hypervisor = new ProcessHypervisor(hypervisorConfig.parse(config.hypervisor));
const specs = process.env["LEEWARD_AZURE_SPECS"];
const arm = await startArm({
  config,
  data: needed("data"),
  tls: { cert: readFileSync(needed("cert"), "utf8"), key: readFileSync(needed("key"), "utf8") },
  hypervisor,
  port: Number(values.port),
  identityPort: Number(values["identity-port"]),
  ...(specs !== undefined && { observe: await comparing(specs) }),
});
const { url, identityEndpoint, issuer } = arm;
console.log(JSON.stringify({ ready: true, url, identityEndpoint, issuer }));

/** Says in the log what is not as in Microsoft's descriptions. They are read only where they are asked for: they take seconds. */
async function comparing(directory: string): Promise<(exchange: Exchange) => void> {
  const { publishedCheck } = await import("./published/exchange.ts");
  const check = publishedCheck(path.join(directory, "openapi"));
  return (exchange) => {
    const answer: unknown = JSON.parse(JSON.stringify(exchange.answer ?? null)) ?? undefined;
    for (const line of check({ ...exchange, answer })) console.error(`not as published: ${line}`);
  };
}

let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    void arm.stop().then(() => process.exit(0));
  });
