import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type Served, serveApp } from "./served-app.ts";

/*
 * What the real service was recorded to answer (its public tests of 2022), field by field against what the app answers to the same
 * requests. What differs is named, and docs/asr-compatibility.md says why.
 */

const resource = z.looseObject({ id: z.string(), name: z.string() });
const recorded = z.object({ path: z.string(), body: z.unknown(), resource });
const { accepted, status, emptyList, networkMapping, ...made } = z
  .object({
    fabric: recorded,
    policy: recorded,
    container: recorded,
    mapping: recorded,
    networkMapping: z.object({ resource }),
    accepted: z.object({ status: z.number(), headers: z.record(z.string(), z.string()) }),
    status: z.record(z.string(), z.unknown()),
    emptyList: z.unknown(),
  })
  .parse(
    JSON.parse(readFileSync(path.join(import.meta.dirname, "../../fixtures/recorded-a2a.json"), "utf8")),
  );

let served: Served;
beforeAll(async () => (served = await serveApp()));
afterAll(() => served.close());

async function put(target: string, body: unknown) {
  return fetch(`${served.host.url}${target}?api-version=2022-08-01`, {
    method: "PUT",
    headers: { authorization: `Bearer ${await served.token()}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** Places in the recording whose values are others here, or are not there. */
function differing(was: unknown, is: unknown, at = ""): string[] {
  if (typeof was !== "object" || was === null || typeof is !== "object" || is === null)
    return was === is ? [] : [at];
  return Object.entries(was).flatMap(([field, value]) =>
    differing(value, new Map(Object.entries(is)).get(field), at === "" ? field : `${at}.${field}`),
  );
}

const second = (target: string) => target.replaceAll("A2A-1", "A2A-2");

test("a write is answered with the recorded status, body and headers, and says in addition when to ask again", async () => {
  const answer = await put(made.fabric.path, made.fabric.body);
  expect(answer.status).toBe(accepted.status);
  expect(await answer.text()).toBe("");
  const shape = (url: string | null | undefined) =>
    url?.replace(/^https:\/\/[^/]+/, "").replace(/[0-9a-f-]{36}\?/, "{operation}?");
  for (const name of ["azure-asyncoperation", "location"])
    expect(shape(answer.headers.get(name))).toBe(shape(accepted.headers[name]));
  expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  const url = new URL(answer.headers.get("azure-asyncoperation") ?? "");
  const { body } = await served.call("GET", url.pathname);
  expect(differing(status, body).toSorted()).toEqual([
    "endTime",
    "id",
    "name",
    "percentComplete",
    "startTime",
  ]);
});

test.each<[keyof typeof made, string[]]>([
  ["fabric", ["properties.internalIdentifier", "properties.customDetails.containerIds.0"]],
  ["policy", ["properties.providerSpecificDetails.recoveryPointHistory"]],
  ["container", ["properties.pairingStatus"]],
  ["mapping", []],
])("%s is as recorded but for %j", async (kind, intended) => {
  const { path: target, body, resource: was } = made[kind];
  if (kind === "mapping") {
    const rear = { properties: { customDetails: { instanceType: "Azure", location: "East US 2" } } };
    await put(second(made.fabric.path), rear);
    await put(second(made.container.path), made.container.body);
  }
  expect((await put(target, body)).status).toBe(accepted.status);
  const { body: is } = await served.call("GET", target);
  expect(differing(was, is)).toEqual(intended);
});

test("a network mapping is as recorded, but that its ids keep their casing", async () => {
  const { resource: was } = networkMapping;
  const properties = z.record(z.string(), z.unknown()).parse(was["properties"]);
  const vault = was.id.slice(0, was.id.indexOf("/replicationFabrics/"));
  for (const [name, location] of [
    ["1", "eastus2"],
    ["2", "eastus"],
  ] as const)
    await put(`${vault}/replicationFabrics/cli-test-fabric-A2A-${name}`, {
      properties: { customDetails: { instanceType: "Azure", location } },
    });
  const network = (id: unknown) =>
    z.string().parse(id).replace("microsoft.network/virtualnetworks", "Microsoft.Network/virtualNetworks");
  const body = {
    properties: {
      recoveryFabricName: "cli-test-fabric-A2A-2",
      recoveryNetworkId: network(properties["recoveryNetworkId"]),
      fabricSpecificDetails: {
        instanceType: "AzureToAzure",
        primaryNetworkId: network(properties["primaryNetworkId"]),
      },
    },
  };
  expect((await put(was.id, body)).status).toBe(accepted.status);
  const { body: is } = await served.call("GET", was.id);
  expect(differing(was, is).toSorted()).toEqual([
    "properties.primaryNetworkId",
    "properties.recoveryNetworkId",
  ]);
});

test("an empty list is as recorded", async () => {
  const [, vault = ""] = /^(.*?\/vaults\/[^/]+)/.exec(made.fabric.path) ?? [];
  const { body } = await served.call("GET", `${vault.replace(/[^/]+$/, "nothing")}/replicationFabrics`);
  expect(body).toEqual(emptyList);
});
