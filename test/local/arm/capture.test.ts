import { open } from "node:fs/promises";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import type { Images } from "../../../engine/capture/image.ts";
import { type Clock, systemClock } from "../../../engine/core/clock.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { machineId } from "../../../engine/core/ids.ts";
import { BLOCK, GIB, diskIndex, micros, millis } from "../../../engine/core/units.ts";
import { countOf } from "../../../engine/replication/blocks.ts";
import { verifyPoint } from "../../../engine/replication/verify-point.ts";
import { diskImages } from "../../../functions/activities/disk-images.ts";
import {
  type Captured,
  type ProviderUnderTest,
  captureProvider,
  imagesAloneAreStates,
} from "../../contract/capture-provider.ts";
import { failing } from "../../fixtures/failing.ts";
import { ImagedMachine } from "../../fixtures/image-machine.ts";
import { NORTH, type TestBox, finished, groupId, idOf, startBox } from "./fixture.ts";

const MACHINE = machineId("imaged-1");
const VM = idOf("g", "Microsoft.Compute/virtualMachines", "imaged");
const NAMES = ["os", "data"];
const idsOf = NAMES.map((name) => idOf("g", "Microsoft.Compute/disks", name));
const creationData = { createOption: "Empty" };
const body = { location: NORTH, sku: { name: "Premium_LRS" }, properties: { creationData, diskSizeGB: 1 } };

/** Disks of a simulated Azure, smaller than any of the real one's, and images of them. */
async function imaged(contents: readonly Buffer[]) {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-imaged-"));
  const files = contents.map((content, n) => {
    const file = path.join(directory, `${NAMES[n]}.img`);
    writeFileSync(file, content);
    return file;
  });
  const time = { now: micros(systemClock.now()) };
  const clock: Clock = {
    now: () => time.now,
    sleep: (_, signal) => systemClock.sleep(millis(2), signal),
  };
  const group = { id: groupId("g"), body: { location: NORTH } };
  const seed = [group, ...files.map((file, n) => ({ id: idsOf[n], body, file }))];
  const box = await startBox({ clock, config: { seed } });
  const images: Images = diskImages(
    { arm: onlyDeclared(box.client), clock },
    { machine: MACHINE, vmId: VM, region: NORTH, disks: idsOf.map((id, n) => ({ id, index: diskIndex(n) })) },
    Object.assign(Object.create(null), { tlsOptions: { ca: box.ca } }),
  );
  const sizes = contents.map(({ length }) => length);
  // The simulator copies in real time, by which the machine's clock does not go.
  const look: Images["look"] = async (image) => {
    for (;;) {
      const found = await images.look(image);
      if (found.state !== "pending") return found;
      await systemClock.sleep(millis(20));
    }
  };
  const machine = new ImagedMachine({ ...images, look, sizes }, time);
  const write = async (disk: number, offset: number, data: Buffer) => {
    const file = await open(files[disk] ?? "", "r+");
    await file.write(data, 0, data.length, offset);
    await file.close();
  };
  return { box, machine, write, sizes };
}

const snapshot = z.object({ id: z.string(), name: z.string() });

async function snapshotsIn(box: TestBox) {
  const found: z.infer<typeof snapshot>[] = [];
  for await (const one of box.client.list(`${groupId("g")}/providers/Microsoft.Compute/snapshots`))
    found.push(snapshot.parse(one));
  return found;
}

/** As somebody does who tidies up. */
async function deleteSnapshots(box: TestBox): Promise<void> {
  for (const { id } of await snapshotsIn(box)) await finished(box.client, await box.client.delete(id));
}

async function captured(contents: readonly Buffer[]): Promise<Captured> {
  const { box, machine, write } = await imaged(contents);
  return {
    journal: machine,
    write,
    zero: (disk, offset, length) => write(disk, offset, Buffer.alloc(length)),
    async point() {
      await machine.image();
      await machine.carry();
    },
    async kill(steps) {
      machine.pass(400_000);
      const fault = { calls: 0, at: steps, when: steps % 2 === 0 ? "before" : "after" } as const;
      const { cache, target, images } = machine;
      const through = {
        cache: failing(cache, fault),
        target: failing(target, fault),
        images: failing(images, fault),
      };
      await machine.turn(through).catch((error: unknown) => {
        if (!(error instanceof LeewardError) || error.code !== "StorageUnavailable") throw error;
      });
    },
    async lose() {
      await deleteSnapshots(box);
      machine.pass(400_000);
      await machine.untilOver();
      await machine.beginAnew();
    },
    grow: () => Promise.reject(new Error("Azure's disks grow by whole GiB")),
    close: () => box.close(),
  };
}

const provider: ProviderUnderTest = {
  name: "snapshots of a simulated Azure",
  sizes: [5 * BLOCK, 3 * BLOCK],
  runs: 2,
  open: captured,
};

captureProvider(provider);
imagesAloneAreStates(provider);

const content = Buffer.alloc(4 * BLOCK, "content");

test("a disk that was deleted and made again under the same name is compared, and its older points stay", async () => {
  const { box, machine, write } = await imaged([content, Buffer.alloc(BLOCK)]);
  try {
    await machine.image();
    await machine.carry();
    await finished(box.client, await box.client.delete(idsOf[1] ?? ""));
    await finished(box.client, await box.client.put(idsOf[1] ?? "", body));
    machine.pass(400_000);
    // It is larger as well: 1 GiB is the least that one can ask for.
    await machine.untilOver();
    machine.disks.forEach(({ size }) => expect(size).toBeLessThan(GIB));
    Object.assign(machine.images, { sizes: [content.length, GIB] });
    await machine.beginAnew();
    await write(0, 0, Buffer.alloc(512, "new"));
    const { state } = await machine.image();
    await machine.carry();
    expect(machine.points.map(({ generation }) => generation)).toEqual([1, 2]);
    expect(state.sent).toBe(BLOCK);
  } finally {
    await box.close();
  }
});

test("a disk that Azure made larger ends the generation; the next one reads no more than differs, and older points keep its size", async () => {
  const { box, machine, write } = await imaged([content, Buffer.alloc(BLOCK)]);
  try {
    await machine.image();
    await machine.carry();
    const resized = await box.client.patch(idsOf[0] ?? "", { properties: { diskSizeGB: 1 } });
    await finished(box.client, resized);
    await expect(box.client.patch(idsOf[0] ?? "", { properties: { diskSizeGB: 0 } })).rejects.toMatchObject({
      code: "ArmFailed",
    });
    machine.pass(400_000);
    await machine.untilOver();
    Object.assign(machine.images, { sizes: [GIB, BLOCK] });
    await machine.beginAnew();
    await write(0, GIB - 512, Buffer.alloc(512, "end"));
    await machine.image();
    await machine.carry();
    const { points, target: objects, key, arrived } = machine;
    expect(points.map(({ disks }) => disks[0]?.size)).toEqual([content.length, GIB]);
    expect(arrived.bytes).toBe(BLOCK);
    for (const point of points) expect(countOf((await verifyPoint({ objects, key, point })).wrong)).toBe(0);
    // Of each disk one snapshot is left, of the new generation.
    expect((await snapshotsIn(box)).map(({ name }) => name.split("-").at(-3))).toEqual(["2", "2"]);
  } finally {
    await box.close();
  }
});
