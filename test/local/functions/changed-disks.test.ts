import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureDisk, findDisk } from "../../../engine/azure/disk.ts";
import { findVirtualMachine, virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import type { ArmId } from "../../../engine/core/ids.ts";
import { BLOCK, MIB, bytes, diskIndex } from "../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { nextIndex, withAdded, withRemoved } from "../../../engine/recovery/disk-set.ts";
import { type ItemRecord, itemKeyOf, targetOf } from "../../../engine/recovery/item.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import { readPoint } from "../../../engine/replication/points.ts";
import { attachedTo, sourceDisk } from "../../../functions/source-disk.ts";
import { WEST, finished, idOf } from "../arm/fixture.ts";
import { DISK, NIC, SIZE, type Scene, VM, twoSides } from "./way-back-scene.ts";

/* A disk comes to a machine that is captured by snapshots, and goes: every byte, through the simulator's snapshots and disks. */

const PATIENCE = 300_000;
const DATA = idOf("shop", "Microsoft.Compute/disks", "ledger-data");

let scene: Scene;
let content: Buffer;
beforeEach(async () => {
  content = Buffer.concat([randomBytes(4 * MIB), Buffer.alloc(SIZE - 4 * MIB)]);
  scene = await twoSides(content);
}, PATIENCE);
afterEach(() => scene.box.close());

/** An empty disk hangs on the machine, and the guest writes to it. */
async function attach(): Promise<void> {
  const { client } = scene.box;
  const owner = { machine: "shared", role: "source" } as const;
  const source = { from: "empty", size: bytes(SIZE) } as const;
  await finished(
    client,
    await ensureDisk(client, { id: DATA, location: WEST, sku: "Premium_LRS", source, owner }),
  );
  const body = virtualMachineBody({
    id: VM,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: DISK, caching: "None", osType: "Linux" },
    dataDisks: [{ id: DATA, caching: "None", lun: 0 }],
    networkInterfaces: [NIC],
    owner,
  });
  await finished(client, await client.put(VM, { ...body, tags: {}, identity: { type: "SystemAssigned" } }));
  scene.write(DATA, MIB, randomBytes(2 * MIB));
}

/** Between two images of a machine, however soon they are wanted; microseconds. */
const LEAST_PAUSE = 60e6;

/** Its orchestration would try again. */
function unlessItPasses(error: unknown): void {
  if (!(error instanceof LeewardError) || error.class !== "retry") throw error;
}

/** The point of the generation that its item is of, once it came and the comparison has ended. */
async function caughtUp(): Promise<RecoveryPoint> {
  const { north, machine } = scene;
  const { records, target } = north.services;
  for (let rounds = 0; rounds < 120; rounds++) {
    await north.background(machine).catch(unlessItPasses);
    north.ahead += LEAST_PAUSE;
    const { point, resync } = (await records.progress.get(machine))?.value ?? {};
    const isThere = point?.generation === (await north.item(machine)).generation;
    if (point && isThere && resync?.endedAt !== undefined) return readPoint(target, machine, point.id);
  }
  throw new Error(`no point of ${machine} came`);
}

const changed = (change: (old: ItemRecord) => ItemRecord) =>
  scene.north.services.records.items.update(itemKeyOf(scene.machine), change);

async function added(): Promise<void> {
  const { services } = scene.north;
  const vm = await findVirtualMachine(services.arm, VM);
  const found = vm && attachedTo(vm).find(({ id }) => id === DATA);
  if (!found) throw new Error("the disk is not attached");
  const item = await scene.north.item(scene.machine);
  const disk = await sourceDisk(services, found, diskIndex(nextIndex(item)));
  await changed((old) => withAdded(old, [disk], { requestedAt: services.clock.now() }));
}

async function built(name: string): Promise<ArmId> {
  const item = await scene.north.item(scene.machine);
  if (!item.failover) throw new Error("nothing was built");
  return targetDisk(targetOf(item), name, item.failover.point);
}

test(
  "a disk that was added is copied, the others are not, and a failover builds both",
  { timeout: PATIENCE },
  async () => {
    const { north, machine } = scene;
    expect(await north.enable(machine)).not.toHaveProperty("error");
    await attach();
    scene.write(DISK, 8 * MIB, randomBytes(BLOCK));
    await added();
    const point = await caughtUp();
    expect(point.disks.map(({ name }) => name)).toEqual(["ledger-os", "ledger-data"]);
    const { resync } = (await north.services.records.progress.get(machine))?.value ?? {};
    // The written block of the one, and what the other holds.
    expect(resync?.sent).toBe(BLOCK + 2 * MIB);
    expect(await north.failOver(machine)).not.toHaveProperty("error");
    expect(scene.disk(await built("ledger-os")).equals(scene.disk(DISK))).toBe(true);
    expect(scene.disk(await built("ledger-data")).equals(scene.disk(DATA))).toBe(true);
  },
);

test("a disk that was removed is not built from a point behind that", { timeout: PATIENCE }, async () => {
  const { north, machine, box } = scene;
  expect(await north.enable(machine)).not.toHaveProperty("error");
  await attach();
  await added();
  const before = await caughtUp();
  await changed((old) => withRemoved(old, [DATA], { requestedAt: north.services.clock.now() }));
  scene.write(DISK, 8 * MIB, randomBytes(BLOCK));
  const point = await caughtUp();
  expect(point.disks.map(({ name }) => name)).toEqual(["ledger-os"]);
  expect(before.disks).toHaveLength(2);
  expect(await north.failOver(machine)).not.toHaveProperty("error");
  expect(scene.disk(await built("ledger-os")).equals(scene.disk(DISK))).toBe(true);
  expect(await findDisk(box.client, await built("ledger-data"))).toBeUndefined();
});
