import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { vaultOf } from "../../../engine/recovery/item.ts";
import { type Served, serveApp } from "./served-app.ts";

/*
 * What the app says that it serves, against what it serves: real answers of the whole app, each checked with the schema that stands
 * in the description for its path, its method and its status.
 */

const described = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        operationId: z.string(),
        responses: z.record(
          z.string(),
          z.object({
            content: z.object({ "application/json": z.object({ schema: z.unknown() }) }).optional(),
          }),
        ),
      }),
    ),
  ),
  components: z.object({ schemas: z.looseObject({ Error: z.unknown() }) }),
});

let served: Served;
let description: z.infer<typeof described>;
const ajv = new Ajv2020({ strict: false, allErrors: true });
/** Operations that were asked. */
const asked = new Set<string>();

beforeAll(async () => {
  served = await serveApp();
  description = described.parse(await (await fetch(`${served.host.url}/openapi.json`)).json());
});
afterAll(() => served.close());

/** The answer, once it was found to be what is described. */
async function ask(method: string, target: string, body?: unknown) {
  const answer = await served.call(method, target, body);
  const operation = operationAt(method, target);
  asked.add(operation.operationId);
  const { schema } =
    operation.responses[String(answer.status)]?.content?.["application/json"] ??
    (answer.status >= 400 ? { schema: description.components.schemas.Error } : { schema: undefined });
  if (schema === undefined) return answer;
  const valid = ajv.validate({ ...asObject(schema), components: description.components }, answer.body);
  expect({ target, errors: valid ? [] : ajv.errors }).toEqual({ target, errors: [] });
  return answer;
}

const asObject = (schema: unknown): object => (typeof schema === "object" && schema !== null ? schema : {});

function operationAt(method: string, target: string) {
  const parts = target.split("/");
  for (const [path, methods] of Object.entries(description.paths)) {
    const template = path.split("/");
    const fits =
      template.length === parts.length &&
      template.every((part, at) => part.startsWith("{") || part.toLowerCase() === parts[at]?.toLowerCase());
    const operation = methods[method.toLowerCase()];
    if (fits && operation) return operation;
  }
  throw new Error(`${method} ${target} is not described`);
}

test("what is written, read, listed and refused is as it is described", async () => {
  const { id } = served.item;
  const vault = vaultOf(id);
  const fabric = `${vault}/replicationFabrics/East`;
  const container = `${fabric}/replicationProtectionContainers/Shop`;
  const other = id.slice(0, id.indexOf("/replicationProtectedItems"));
  const policy = `${vault}/replicationPolicies/Day`;
  const mapping = `${container}/replicationProtectionContainerMappings/Over`;
  const way = `${fabric}/replicationNetworks/azureNetwork/replicationNetworkMappings/Way`;
  const network = (name: string) =>
    `/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/${name}`;
  const writes: [string, unknown][] = [
    [fabric, { properties: { customDetails: { instanceType: "Azure", location: "eastus" } } }],
    [container, { properties: { providerSpecificInput: [{ instanceType: "A2A" }] } }],
    [policy, { properties: { providerSpecificInput: { instanceType: "A2A", multiVmSyncStatus: "Enable" } } }],
    [mapping, { properties: { policyId: policy, targetProtectionContainerId: other } }],
    [
      way,
      {
        properties: {
          recoveryNetworkId: network("b"),
          fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: network("a") },
        },
      },
    ],
    [`${vault}/replicationVaultSettings/default`, { properties: {} }],
  ];
  for (const [target, body] of writes) {
    expect((await ask("PUT", target, body)).status).toBe(202);
    expect((await ask("GET", target)).status).toBe(200);
  }
  expect((await ask("PUT", `${vault}/replicationAlertSettings/defaultAlertSetting`, {})).status).toBe(200);
  const lists = [
    "replicationFabrics",
    "replicationProtectionContainers",
    "replicationPolicies",
    "replicationProtectionContainerMappings",
    "replicationNetworkMappings",
    "replicationProtectedItems",
    "replicationJobs",
    "replicationEvents",
    "replicationAlertSettings",
    "replicationVaultSettings",
    "replicationProtectionIntents",
    "replicationVaultHealth",
    "leewardGroups",
  ];
  for (const list of lists) expect((await ask("GET", `${vault}/${list}`)).status).toBe(200);
  for (const target of [id, `${id}/recoveryPoints`, `${other}/replicationProtectedItems`])
    expect((await ask("GET", target)).status).toBe(200);
  for (const [method, target] of [
    ["DELETE", policy],
    ["GET", `${vault}/replicationJobs/none`],
    ["PUT", policy],
  ] as const)
    expect((await ask(method, target, method === "GET" ? undefined : {})).status).toBeGreaterThanOrEqual(400);
  expect(asked.size).toBeGreaterThan(25);
});

test("each operation has a name of its own", () => {
  const operations = Object.values(description.paths).flatMap((methods) => Object.values(methods));
  const names = operations.map(({ operationId }) => operationId);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(100);
});
