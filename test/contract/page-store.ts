import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../engine/core/clock.ts";
import { type Bytes, KIB, MIB, SECTOR, bytes } from "../../engine/core/units.ts";
import { type PageStore, type SnapshotId, fenceOf, snapshotId } from "../../engine/storage/store.ts";

const DISK = bytes(16 * MIB);
const page = (fill: number, sectors = 1) => Buffer.alloc(sectors * SECTOR, fill);
const at = (sector: number) => bytes(sector * SECTOR);
const contentOf = (store: PageStore, name: string, size: Bytes, snapshot?: SnapshotId) =>
  store.read(name, bytes(0), size, snapshot);

/** What every PageStore promises; `open` gives an empty one. */
export function pageStorePromises(open: () => Promise<PageStore>, runs: number): void {
  /** A store with one blank disk and the right to write to it. */
  const blank = async (size = DISK) => {
    const store = await open();
    await store.create("disk", size);
    return { store, fence: await store.takeFence("disk") };
  };
  describe("a page store", () => {
    creating(open);
    writing(blank);
    bounds(blank);
    fencing(blank);
    snapshots(blank);
    copies(blank);
    deleting(blank);
    model(blank, runs);
  });
}

type Blank = (size?: Bytes) => Promise<{ store: PageStore; fence: ReturnType<typeof fenceOf> }>;

function creating(open: () => Promise<PageStore>): void {
  test("creates a blob of zeroes", async () => {
    const store = await open();
    await store.create("m/00.vhd", DISK);
    expect(await store.ranges("m/00.vhd")).toEqual([]);
    expect((await contentOf(store, "m/00.vhd", DISK)).equals(Buffer.alloc(DISK))).toBe(true);
  });

  test("leaves a blob of the same size as it is, and refuses another size", async () => {
    const store = await open();
    await store.create("disk", DISK);
    await store.write("disk", await store.takeFence("disk"), at(1), page(7));
    await store.create("disk", DISK);
    for (const other of [SECTOR, DISK + SECTOR])
      await expect(store.create("disk", bytes(other))).rejects.toMatchObject({ code: "ObjectExists" });
    expect(await store.read("disk", at(1), at(1))).toEqual(page(7));
  });

  test("creates 8 TiB, Azure's most", async () => {
    const store = await open();
    const most = bytes(8 * 1024 ** 4);
    await store.create("disk", most);
    const last = bytes(most - SECTOR);
    await store.write("disk", await store.takeFence("disk"), last, page(9));
    expect(await store.ranges("disk")).toEqual([{ offset: last, length: SECTOR }]);
  });

  test.each([0, 1, 513, 8 * 1024 ** 4 + 512])("refuses to create %d bytes", async (size) => {
    const store = await open();
    await expect(store.create("disk", bytes(size))).rejects.toThrow(RangeError);
    await expect(store.read("disk", at(0), at(1))).rejects.toMatchObject({ code: "NotFound" });
  });

  test("refuses a name that is none", async () => {
    const store = await open();
    await expect(store.create("../disk", DISK)).rejects.toThrow(RangeError);
    await expect(store.takeFence("a b")).rejects.toThrow(RangeError);
  });
}

function writing(blank: Blank): void {
  test("reads what was written, up to 4 MiB at once", async () => {
    const { store, fence } = await blank();
    const data = randomBytes(4 * MIB);
    await store.write("disk", fence, at(3), data);
    expect((await store.read("disk", at(3), bytes(4 * MIB))).equals(data)).toBe(true);
    expect(await store.read("disk", at(2), at(1))).toEqual(page(0));
    expect(await store.read("disk", bytes(3 * SECTOR + 4 * MIB), at(1))).toEqual(page(0));
  });

  test("keeps no hold on the caller's memory", async () => {
    const { store, fence } = await blank();
    const around = page(5, 3);
    await store.write("disk", fence, at(0), around.subarray(SECTOR, 2 * SECTOR));
    around.fill(1);
    (await store.read("disk", at(0), at(1))).fill(2);
    expect(await store.read("disk", at(0), at(2))).toEqual(Buffer.concat([page(5), page(0)]));
  });

  test("merges ranges that touch, whatever the order of writes", async () => {
    const { store, fence } = await blank();
    for (const sector of [4, 2, 3, 9, 2]) await store.write("disk", fence, at(sector), page(sector));
    expect(await store.ranges("disk")).toEqual([
      { offset: at(2), length: at(3) },
      { offset: at(9), length: at(1) },
    ]);
  });

  test("cleared ranges read as zero and are no ranges any more", async () => {
    const { store, fence } = await blank();
    await store.write("disk", fence, at(0), page(1, 1024));
    await store.clear("disk", fence, at(8), at(128));
    await store.clear("disk", fence, at(2000), at(8));
    expect((await store.read("disk", at(8), at(128))).equals(page(0, 128))).toBe(true);
    expect(await store.read("disk", at(7), at(2))).toEqual(Buffer.concat([page(1), page(0)]));
    expect(await store.ranges("disk")).toEqual([
      { offset: at(0), length: at(8) },
      { offset: at(136), length: at(1024 - 136) },
    ]);
  });

  test("takes writes side by side", async () => {
    const { store, fence } = await blank();
    const writes = Array.from({ length: 16 }, (_, n) => n);
    await Promise.all(
      writes.map((n) => store.write("disk", fence, bytes(n * MIB), Buffer.alloc(MIB, n + 1))),
    );
    const content = await contentOf(store, "disk", DISK);
    expect(
      writes.every((n) => content.subarray(n * MIB, (n + 1) * MIB).equals(Buffer.alloc(MIB, n + 1))),
    ).toBe(true);
    expect(await store.ranges("disk")).toEqual([{ offset: 0, length: DISK }]);
  });
}

function bounds(blank: Blank): void {
  test.each([
    ["half a sector", 0, 256],
    ["from within a sector", 100, 512],
    ["nothing", 0, 0],
    ["over the end", DISK - 512, 1024],
    ["behind the end", DISK, 512],
  ])("refuses %s, and nothing changes", async (_, offset, length) => {
    const { store, fence } = await blank();
    await expect(store.write("disk", fence, bytes(offset), Buffer.alloc(length, 1))).rejects.toThrow(
      RangeError,
    );
    await expect(store.clear("disk", fence, bytes(offset), bytes(length))).rejects.toThrow(RangeError);
    await expect(store.read("disk", bytes(offset), bytes(length))).rejects.toThrow(RangeError);
    expect(await store.ranges("disk")).toEqual([]);
  });

  test("refuses a write over 4 MiB, which Azurite would take", async () => {
    const { store, fence } = await blank();
    await expect(store.write("disk", fence, at(0), Buffer.alloc(4 * MIB + SECTOR))).rejects.toThrow(
      RangeError,
    );
    expect(await store.ranges("disk")).toEqual([]);
  });
}

function fencing(blank: Blank): void {
  test("a new fence stops the former holder, whatever it does", async () => {
    const { store, fence: former } = await blank();
    await store.write("disk", former, at(0), page(1));
    const fence = await store.takeFence("disk");
    const lost = { code: "FenceLost" };
    await expect(store.write("disk", former, at(0), page(2))).rejects.toMatchObject(lost);
    await expect(store.clear("disk", former, at(0), at(1))).rejects.toMatchObject(lost);
    await expect(store.snapshot("disk", former)).rejects.toMatchObject(lost);
    expect(await store.read("disk", at(0), at(1))).toEqual(page(1));
    await store.write("disk", fence, at(0), page(3));
    expect(await store.read("disk", at(0), at(1))).toEqual(page(3));
  });

  test("a fence that nobody gave out is none", async () => {
    const { store } = await blank();
    const made = fenceOf("6f3c6a54-6c1b-4b8e-9b0e-000000000000");
    await expect(store.write("disk", made, at(0), page(1))).rejects.toMatchObject({ code: "FenceLost" });
  });

  test("a released fence writes no more; releasing again or late hurts nobody", async () => {
    const { store, fence: former } = await blank();
    await store.releaseFence("disk", former);
    await store.releaseFence("disk", former);
    await expect(store.write("disk", former, at(0), page(1))).rejects.toMatchObject({ code: "FenceLost" });
    const fence = await store.takeFence("disk");
    await store.releaseFence("disk", former);
    await store.write("disk", fence, at(0), page(2));
    await store.delete("disk");
    await store.releaseFence("disk", fence);
  });

  test("of many that take the right at once exactly one has it", async () => {
    const { store } = await blank();
    const fences = await Promise.all(Array.from({ length: 4 }, () => store.takeFence("disk")));
    const writes = await Promise.allSettled(
      fences.map((fence) => store.write("disk", fence, at(0), page(1))),
    );
    expect(writes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("there is no fence of what is not there", async () => {
    const { store } = await blank();
    await expect(store.takeFence("other")).rejects.toMatchObject({ code: "NotFound" });
  });
}

function snapshots(blank: Blank): void {
  test("a snapshot keeps its content while the blob goes on", async () => {
    const { store, fence } = await blank();
    await store.write("disk", fence, at(0), page(1, 4));
    const first = await store.snapshot("disk", fence);
    await store.write("disk", fence, at(1), page(2));
    await store.clear("disk", fence, at(2), at(1));
    const second = await store.snapshot("disk", fence);
    await store.write("disk", fence, at(0), page(3, 8));
    expect(await store.read("disk", at(0), at(4), first)).toEqual(page(1, 4));
    expect(await store.ranges("disk", first)).toEqual([{ offset: 0, length: at(4) }]);
    const then = Buffer.concat([page(1), page(2), page(0), page(1)]);
    expect(await store.read("disk", at(0), at(4), second)).toEqual(then);
    expect(await store.read("disk", at(0), at(8))).toEqual(page(3, 8));
  });

  test("snapshots are deleted one by one, and again without harm", async () => {
    const { store, fence } = await blank();
    await store.write("disk", fence, at(0), page(1));
    const first = await store.snapshot("disk", fence);
    const second = await store.snapshot("disk", fence);
    expect(second).not.toBe(first);
    await store.deleteSnapshot("disk", first);
    await store.deleteSnapshot("disk", first);
    await store.deleteSnapshot("other", first);
    await expect(store.read("disk", at(0), at(1), first)).rejects.toMatchObject({ code: "NotFound" });
    await expect(store.ranges("disk", first)).rejects.toMatchObject({ code: "NotFound" });
    expect(await store.read("disk", at(0), at(1), second)).toEqual(page(1));
  });

  test("lists the snapshots of one blob, oldest first, with the time of each", async () => {
    const { store, fence } = await blank();
    await store.create("disk-2", DISK);
    await store.snapshot("disk-2", await store.takeFence("disk-2"));
    const first = await store.snapshot("disk", fence);
    const second = await store.snapshot("disk", fence);
    const found = await store.snapshots("disk");
    expect(found.map(({ id }) => id)).toEqual([first, second]);
    for (const { taken } of found) expect(Math.abs(taken - systemClock.now())).toBeLessThan(60e6);
    await store.deleteSnapshot("disk", first);
    expect((await store.snapshots("disk")).map(({ id }) => id)).toEqual([second]);
    expect(await store.snapshots("dis")).toEqual([]);
  });

  test("there is nothing to read where there is no blob or snapshot", async () => {
    const { store } = await blank();
    const none = snapshotId("2020-01-01T00:00:00.0000000Z");
    await expect(store.read("other", at(0), at(1))).rejects.toMatchObject({ code: "NotFound" });
    await expect(store.ranges("other")).rejects.toMatchObject({ code: "NotFound" });
    await expect(store.read("disk", at(0), at(1), none)).rejects.toMatchObject({ code: "NotFound" });
  });
}

function copies(blank: Blank): void {
  test("a promoted copy, its snapshot and the blob go their own ways", async () => {
    const { store, fence } = await blank();
    await store.write("disk", fence, at(0), page(1, 256));
    const point = await store.snapshot("disk", fence);
    expect(await store.promote("disk", point, "import/disk")).toMatch(/import\/disk$/);
    await store.write("disk", fence, at(0), page(2, 8));
    await store.clear("disk", fence, at(100), at(28));
    expect(await store.read("import/disk", at(0), at(256))).toEqual(page(1, 256));
    expect(await store.read("disk", at(0), at(256), point)).toEqual(page(1, 256));
    await store.deleteSnapshot("disk", point);
    expect(await store.read("import/disk", at(0), at(256))).toEqual(page(1, 256));
    await store.delete("import/disk");
    expect(await store.read("disk", at(0), at(8))).toEqual(page(2, 8));
  });

  test("promoting again replaces the earlier copy", async () => {
    const { store, fence } = await blank();
    const empty = await store.snapshot("disk", fence);
    await store.write("disk", fence, at(5), page(1));
    const full = await store.snapshot("disk", fence);
    for (const point of [empty, full, full]) await store.promote("disk", point, "copy");
    expect(await store.ranges("copy")).toEqual([{ offset: at(5), length: at(1) }]);
    await store.promote("disk", empty, "copy");
    expect(await store.ranges("copy")).toEqual([]);
    expect(await store.read("disk", at(5), at(1), full)).toEqual(page(1));
  });

  test("a copy is never written, and never made over a blob that is none", async () => {
    const { store, fence } = await blank();
    const point = await store.snapshot("disk", fence);
    await store.promote("disk", point, "copy");
    await expect(store.takeFence("copy")).rejects.toMatchObject({ code: "StateNotAllowed" });
    await expect(store.create("copy", DISK)).rejects.toMatchObject({ code: "ObjectExists" });
    await expect(store.promote("disk", point, "disk")).rejects.toMatchObject({ code: "ObjectExists" });
    await store.write("disk", fence, at(0), page(1));
  });

  test("there is no copy of a snapshot that is not there", async () => {
    const { store } = await blank();
    const none = snapshotId("2020-01-01T00:00:00.0000000Z");
    await expect(store.promote("disk", none, "copy")).rejects.toMatchObject({ code: "NotFound" });
    await expect(store.read("copy", at(0), at(1))).rejects.toMatchObject({ code: "NotFound" });
  });
}

function deleting(blank: Blank): void {
  test("deletes a blob with its snapshots, though it is fenced, and again without harm", async () => {
    const { store, fence } = await blank();
    await store.write("disk", fence, at(0), page(1));
    const point = await store.snapshot("disk", fence);
    await store.delete("disk");
    await store.delete("disk");
    await expect(store.read("disk", at(0), at(1), point)).rejects.toMatchObject({ code: "NotFound" });
    await expect(store.write("disk", fence, at(0), page(2))).rejects.toMatchObject({
      code: expect.stringMatching(/^(NotFound|FenceLost)$/),
    });
    await store.create("disk", bytes(2 * SECTOR));
    expect(await store.ranges("disk")).toEqual([]);
  });
}

function model(blank: Blank, runs: number): void {
  const SECTORS = 512;
  const extent = fc.record({ sector: fc.nat(SECTORS - 1), sectors: fc.integer({ min: 1, max: 200 }) });
  const step = fc.record({ kind: fc.constantFrom("write", "clear", "snapshot"), extent, fill: fc.nat(255) });

  test("any run of writes, clears and snapshots equals a plain buffer", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const size = bytes(SECTORS * SECTOR);
        const { store, fence } = await blank(size);
        const disk = Buffer.alloc(size);
        const points: { id: SnapshotId; content: Buffer }[] = [];
        for (const { kind, extent: found, fill } of steps) {
          const [from, to] = [found.sector, Math.min(SECTORS, found.sector + found.sectors)];
          if (kind === "write") await store.write("disk", fence, at(from), page(fill, to - from));
          if (kind === "clear") await store.clear("disk", fence, at(from), at(to - from));
          if (kind === "snapshot")
            points.push({ id: await store.snapshot("disk", fence), content: Buffer.from(disk) });
          else disk.fill(kind === "write" ? fill : 0, from * SECTOR, to * SECTOR);
        }
        for (const { id, content } of [...points, { id: undefined, content: disk }]) {
          expect((await contentOf(store, "disk", size, id)).equals(content)).toBe(true);
          const outside = Buffer.from(content);
          for (const { offset, length } of await store.ranges("disk", id))
            outside.fill(0, offset, offset + length);
          expect(outside.equals(Buffer.alloc(size))).toBe(true);
        }
        await store.delete("disk");
      }),
      { numRuns: runs },
    );
  });

  test("tells every range that was written, and no more, at any offset", async () => {
    const { store, fence } = await blank(bytes(64 * MIB));
    const gaps = Array.from({ length: 40 }, (_, n) => n * 1500 * KIB);
    for (const offset of gaps) await store.write("disk", fence, bytes(offset), page(1, 3));
    const expected = gaps.map((offset) => ({ offset, length: 3 * SECTOR }));
    expect(await store.ranges("disk")).toEqual(expected);
  });
}
