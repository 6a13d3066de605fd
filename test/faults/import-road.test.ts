import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BarrierId, OperationId } from "../../engine/core/ids.ts";
import { type Asked, jobOf } from "../../engine/recovery/begin.ts";
import { beginCancel } from "../../engine/recovery/cancel.ts";
import { type ItemRecord, itemKey } from "../../engine/recovery/item.ts";
import { injectCoreApi } from "../../local/functions-host/core-api.ts";
import { listPoints } from "../../engine/replication/points.ts";
import { type Disturbance, nameOf } from "./calls.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

/*
 * A failover by import of the warm replica that fails: it goes on with another size or another point, or is taken back, and the
 * replica serves the next one. Everything but the guest is real.
 */

injectCoreApi();
process.env["LEEWARD_POINT_SCHEDULE"] ??= "0 0 0 1 1 *";
const { openStage } = await import("./stage.ts");
const { openWorld } = await import("./world.ts");
const { achieve } = await import("./achieve.ts");
const { enablement, testFailover } = await import("./steps.ts");
const { ensureJob } = await import("../../functions/durable.ts");
const { failOver } = await import("../../functions/begin.ts");
const { ITEM, TARGET_GROUP } = await import("./place.ts");

let stage: Stage;
/** Of the machine, the older first; they are the same in each world. */
let older: BarrierId;
let newest: BarrierId;
// As small as a managed disk that is uploaded may be: an older point comes from the journal.
beforeAll(async () => {
  stage = await openStage(20);
  const world = await protectedWorld();
  const [first, second] = await listPoints(world.eye.target, stage.story.machine);
  if (!first || !second) throw new Error("the story has two points");
  [older, newest] = [first.id, second.id];
  world.close();
});
afterAll(() => stage.close());

const inTarget = (type: string, name: string) => `${TARGET_GROUP}/providers/${type}/${name}`.toLowerCase();
const VM = inTarget("Microsoft.Compute/virtualMachines", "shop");
const disk = (name: string, point: BarrierId) =>
  inTarget("Microsoft.Compute/disks", `shop-${name}-${point.slice(0, 8)}`);

/** The first call of this kind fails when it was accepted. */
const failing = (method: string, name: string): Disturbance => ({
  call: { name: nameOf(method, name), nth: 1, begins: true, sort: "arm" },
  mishap: { kind: "operation-fails" },
});

/** A protected machine, whose replica holds its newest point. */
async function protectedWorld(disturbance?: Disturbance): Promise<World> {
  const world = await openWorld(stage, disturbance);
  await achieve(world, enablement("warm"));
  world.calls.begin();
  return world;
}

async function itemOf({ eye }: World): Promise<ItemRecord> {
  const found = await eye.records.items.get(itemKey(ITEM));
  if (!found) throw new Error("the item is gone");
  return found.value;
}

/** One try, to the end of its job. */
async function failover(world: World, asked: Pick<Asked, "point" | "build"> = {}): Promise<ItemRecord> {
  const { services, client } = world.tools();
  const begun = await failOver(
    services,
    client,
    ITEM,
    { now: world.clock.now(), ...asked },
    { acceptBadPoint: false },
  );
  return ended(world, begun.job.operation);
}

async function cancel(world: World): Promise<ItemRecord> {
  const { services, client } = world.tools();
  const now = world.clock.now();
  const item = await services.records.items.update(itemKey(ITEM), (old) => beginCancel(old, { now }));
  const job = jobOf(item);
  await services.records.jobs.upsert(job.operation, (old) => old ?? job);
  await ensureJob(client, job);
  return ended(world, job.operation);
}

async function ended(world: World, operation: OperationId): Promise<ItemRecord> {
  const over = async () => (await world.eye.records.jobs.get(operation))?.value.endTime !== undefined;
  await world.clock.until(over, 6 * 3600, "the job");
  return itemOf(world);
}

const seen = (world: World, id: string) =>
  [world.box.state.virtualMachines, world.box.state.disks].map((table) => table.get(id)).find(Boolean);
const idOfDisk = (world: World, id: string) => world.box.state.disks.get(id)?.properties["uniqueId"];

/** What a failover builds in the target, and whatever is promoted or half rebuilt for it. */
async function made({ box, accounts }: World): Promise<string[]> {
  const { virtualMachines, disks, networkInterfaces } = box.state;
  const found = [virtualMachines, disks, networkInterfaces]
    .flatMap((table): { id: string }[] => table.under(TARGET_GROUP))
    .map(({ id }) => id.toLowerCase());
  for (const { objects, pages } of accounts.all()) {
    for await (const { name } of objects.list("")) if (name.includes("/rebuilds/")) found.push(name);
    for (const name of pages.sizes.keys()) if (name.includes("/import/")) found.push(name);
  }
  return found.toSorted();
}

/** Of the disks that were built, each by name: how, and the digest of its bytes. */
const built = ({ box }: World) =>
  box.state.disks
    .under(TARGET_GROUP)
    .map(({ name, properties, hidden }) => [
      name,
      properties.creationData.createOption,
      hash("sha256", readFileSync(hidden.file)),
    ]);

const stepsOf = async (world: World, operation: OperationId) =>
  (await world.eye.records.jobs.get(operation))?.value.steps.map(({ name, state }) => `${name}: ${state}`);

const leftovers = async (world: World) =>
  (await made(world)).filter((name) => !name.startsWith("/subscriptions/"));

test("with another size it goes on with the disks that were imported", async () => {
  const world = await protectedWorld(failing("PUT", VM));
  const first = await failover(world);
  expect(first).toMatchObject({ state: "FailoverFailed", failover: { road: "import", point: newest } });
  const before = idOfDisk(world, disk("os", newest));
  expect(before).toBeDefined();
  const item = await failover(world, { build: { size: "Standard_E4s_v5" } });
  expect(item).toMatchObject({
    state: "UnplannedFailoverCommitPending",
    failover: { road: "import", point: newest },
  });
  expect(idOfDisk(world, disk("os", newest))).toBe(before);
  expect(seen(world, VM)).toMatchObject({ properties: { hardwareProfile: { vmSize: "Standard_E4s_v5" } } });
  expect(await leftovers(world)).toEqual([]);
  world.close();
});

test("with an older point it is built from the journal, and what was imported goes", async () => {
  const world = await protectedWorld(failing("PUT", VM));
  await failover(world);
  const item = await failover(world, { point: older });
  expect(item).toMatchObject({
    state: "UnplannedFailoverCommitPending",
    failover: { road: "upload", point: older, tried: [newest] },
  });
  expect(seen(world, VM)).toMatchObject({
    properties: {
      storageProfile: {
        osDisk: { managedDisk: { id: expect.stringMatching(new RegExp(disk("os", older), "i")) } },
      },
    },
  });
  for (const name of ["os", "data"]) expect(seen(world, disk(name, newest))).toBeUndefined();
  expect(await leftovers(world)).toEqual([]);
  world.close();
});

test.each([
  ["an interface", () => failing("PUT", inTarget("Microsoft.Network/networkInterfaces", "shop-data"))],
  ["the machine's start", () => failing("PUT", VM)],
])(
  "one that failed at %s is taken back without a trace, and the replica serves the next one",
  async (_, what) => {
    const world = await protectedWorld(what());
    expect((await failover(world)).state).toBe("FailoverFailed");
    expect(await made(world)).not.toEqual([]);
    const back = await cancel(world);
    expect(back).toMatchObject({ state: "Protected", resync: { reason: "cancel" } });
    expect(back.failover).toBeUndefined();
    expect(await made(world)).toEqual([]);
    const again = await failover(world, { point: newest });
    expect(again).toMatchObject({ state: "UnplannedFailoverCommitPending", failover: { road: "import" } });
    world.close();
  },
);

test("one that runs is taken back as well, at the second try", async () => {
  const world = await protectedWorld(failing("DELETE", disk("os", newest)));
  expect((await failover(world)).state).toBe("UnplannedFailoverCommitPending");
  expect((await cancel(world)).state).toBe("CancelFailed");
  expect((await cancel(world)).state).toBe("Protected");
  expect(await made(world)).toEqual([]);
  world.close();
});

const CREATE = "create disks and network interfaces";
const REBUILT = [
  `${CREATE}: Failed`,
  "give up the import: Succeeded",
  "create disks to rebuild into: Succeeded",
  "rebuild from the journal: Succeeded",
  "create the virtual machine: Succeeded",
  "wait until it runs: Succeeded",
  "tidy up: Succeeded",
];

test.each([
  ["that fails when it was accepted", { kind: "operation-fails" } as const],
  ["that is refused", { kind: "status", status: 409, code: "Conflict", times: 1 } as const],
])("disks are rebuilt from the journal within the same failover behind an import %s", async (_, mishap) => {
  const undisturbed = await protectedWorld();
  await failover(undisturbed);
  const call = failing("PUT", disk("data", newest)).call;
  const world = await protectedWorld({ call, mishap });
  const item = await failover(world);
  expect(item).toMatchObject({
    state: "UnplannedFailoverCommitPending",
    failover: {
      road: "upload",
      point: newest,
      importRefused: expect.stringContaining("shop-data"),
      notes: [expect.stringContaining("could not be imported from the replica, and are rebuilt")],
    },
  });
  expect((await stepsOf(world, item.job.operation))?.slice(-REBUILT.length)).toEqual(REBUILT);
  const asImported = built(undisturbed);
  expect(asImported.map(([, how]) => how)).toEqual(["Import", "Import"]);
  expect(built(world)).toEqual(asImported.map(([name, , digest]) => [name, "Upload", digest]));
  expect(await leftovers(world)).toEqual([]);
  undisturbed.close();
  world.close();
});

test("a refusal that would meet any disk ends the failover, and what was imported stays for the next try", async () => {
  const { call } = failing("PUT", disk("data", newest));
  const refused = { kind: "status", status: 403, code: "RequestDisallowedByPolicy", times: 1 } as const;
  const world = await protectedWorld({ call, mishap: refused });
  const first = await failover(world);
  expect(first).toMatchObject({ state: "FailoverFailed", failover: { road: "import" } });
  expect((await stepsOf(world, first.job.operation))?.at(-1)).toBe(`${CREATE}: Failed`);
  const before = idOfDisk(world, disk("os", newest));
  const item = await failover(world);
  expect(item).toMatchObject({ state: "UnplannedFailoverCommitPending", failover: { road: "import" } });
  expect(idOfDisk(world, disk("os", newest))).toBe(before);
  world.close();
});

test("a test failover rebuilds what it cannot import as well", async () => {
  const world = await protectedWorld(failing("PUT", `${disk("data", newest)}-test`));
  await achieve(world, testFailover);
  const { test: made } = await itemOf(world);
  expect(world.calls.struck).toBe(true);
  expect(made).toMatchObject({
    state: "ready",
    chosen: { road: "upload" },
    notes: [expect.stringContaining("are rebuilt from the journal")],
  });
  if (!made) throw new Error("there is no test");
  const job = (await world.eye.records.jobs.get(made.operation))?.value;
  expect(job).toMatchObject({ state: "Succeeded", test: { road: "upload" } });
  expect(built(world).map(([, how]) => how)).toEqual(["Upload", "Upload"]);
  expect(await leftovers(world)).toEqual([]);
  world.close();
});

test("a replica that is found wrong between two tries: what was imported of it goes, and every disk is rebuilt", async () => {
  const { call } = failing("PUT", disk("data", newest));
  const refused = { kind: "status", status: 403, code: "RequestDisallowedByPolicy", times: 1 } as const;
  const world = await protectedWorld({ call, mishap: refused });
  await failover(world);
  expect(built(world).map(([, how]) => how)).toEqual(["Import"]);
  await world.eye.records.progress.update(stage.story.machine, (old) => ({
    ...old,
    rebuildSince: world.clock.now(),
  }));
  const item = await failover(world);
  expect(item).toMatchObject({ state: "UnplannedFailoverCommitPending", failover: { road: "upload" } });
  const undisturbed = await protectedWorld();
  await failover(undisturbed);
  expect(built(world)).toEqual(built(undisturbed).map(([name, , digest]) => [name, "Upload", digest]));
  undisturbed.close();
  world.close();
});
