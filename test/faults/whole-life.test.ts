import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytes } from "../../engine/core/units.ts";
import { TABLES } from "../../local/arm/state.ts";
import { sow } from "../../local/arm/seed.ts";
import { injectCoreApi } from "../../local/functions-host/core-api.ts";
import type { Step } from "./achieve.ts";
import { NORTH, TARGET_GROUP, idOf } from "./place.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

/*
 * The whole life of a protection amid what looks like ours and is none: each foreign resource, disk image, blob and record is
 * compared by its digest behind each step, and in the end there is nothing else.
 */

injectCoreApi();
process.env["LEEWARD_POINT_SCHEDULE"] ??= "0 0 0 1 1 *";
const { openStage } = await import("./stage.ts");
const { openWorld } = await import("./world.ts");
const { achieve } = await import("./achieve.ts");
const { surround } = await import("./strangers.ts");
const steps = await import("./steps.ts");

let stage: Stage;
beforeAll(async () => {
  stage = await openStage(20);
});
afterAll(() => stage.close());

/** Digest of everything that there is, by name: as it is, with ids, ETags and instants. Operations come and go, and jobs are a log. */
async function inventory({ box, accounts, records }: World): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const add = (name: string, ...content: (string | Uint8Array)[]) =>
    void found.set(name, content.map((one) => hash("sha256", one)).join(" "));
  for (const table of TABLES.filter((name) => name !== "operations"))
    for (const resource of box.state[table].all()) {
      const file = "hidden" in resource && "file" in resource.hidden ? String(resource.hidden.file) : "";
      const image = file === "" ? [] : [readFileSync(file)];
      add(`${table} ${resource.id.toLowerCase()}`, JSON.stringify(resource), ...image);
    }
  for (const { endpoint, objects, pages } of accounts.all()) {
    for await (const { name } of objects.list(""))
      add(`object ${endpoint}/${name}`, (await objects.get(name))?.body ?? "");
    for (const [name, size] of pages.sizes)
      add(`pages ${endpoint}/${name}`, await pages.read(name, bytes(0), size));
  }
  for (const kind of records.kinds())
    for await (const { key, value } of records.list(kind))
      if (!["job", "jobOrder"].includes(kind)) add(`record ${kind} ${key}`, JSON.stringify(value));
  return found;
}

/** Names that an enablement would like best, in the hands of somebody who has no tags of ours, or those of another machine. */
async function takeNames({ box }: World): Promise<void> {
  const id = (type: string, name: string) => idOf("shop-recovery", `Microsoft.${type}`, name);
  const location = NORTH;
  const other = { "leeward-machine": "another-0a1b2c-3d4e5f60", "leeward-role": "network" };
  const space = { addressSpace: { addressPrefixes: ["10.7.0.0/16"] } };
  const seed = [
    {
      id: id("Network/virtualNetworks", "shop-net-recovery"),
      body: { location, tags: other, properties: { ...space, subnets: [] } },
    },
    {
      id: id("Network/networkSecurityGroups", "shop-guard-recovery"),
      body: { location, properties: { securityRules: [] } },
    },
    {
      id: id("Compute/availabilitySets", "shop-set-recovery-2"),
      body: {
        location,
        sku: { name: "Aligned" },
        properties: { platformFaultDomainCount: 1, platformUpdateDomainCount: 1 },
      },
    },
    {
      id: id("Network/virtualNetworks", "shop-test-2"),
      body: { location, properties: { ...space, subnets: [] } },
    },
  ];
  await sow({ ...box, config: { ...box.config, seed } });
}

const LIFE: readonly Step[] = [
  steps.enablement("warm"),
  steps.testFailover,
  steps.testCleanup,
  steps.failoverRefused,
  steps.failoverInSize,
  steps.failoverCancel,
  steps.disablement,
];

test("nothing foreign is touched from the enablement to its end, and nothing else is left", async () => {
  const world = await openWorld(stage);
  await surround(world);
  await takeNames(world);
  const before = await inventory(world);
  expect(before.size).toBeGreaterThan(40);
  expect(
    [...before.keys()].filter((name) => name.includes(TARGET_GROUP.toLowerCase())).length,
  ).toBeGreaterThan(10);
  let most = 0;
  for (const step of LIFE) {
    await achieve(world, step);
    const now = await inventory(world);
    most = Math.max(most, now.size);
    const touched = [...before].filter(([name, digest]) => now.get(name) !== digest);
    expect([step.name, touched.map(([name]) => name)]).toEqual([step.name, []]);
  }
  expect(most).toBeGreaterThan(before.size + 20);
  expect([...(await inventory(world)).keys()].filter((name) => !before.has(name))).toEqual([]);
  world.close();
});
