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
const { enablement } = await import("./steps.ts");
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
  ["a disk's import", () => failing("PUT", disk("data", newest))],
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
