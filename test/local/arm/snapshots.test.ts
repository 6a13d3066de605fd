import { open } from "node:fs/promises";
import { existsSync } from "node:fs";
import { AnonymousCredential, PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { GIB, KIB, MIB, bytes } from "../../../engine/core/units.ts";
import { VirtualClock } from "../functions-host/virtual-clock.ts";
import { NORTH, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

const MINUTE = 60_000;
const SIZE = 96 * MIB;
const diskId = (name: string) => idOf("g", "Microsoft.Compute/disks", name);
const snapshotId = (name: string) => idOf("g", "Microsoft.Compute/snapshots", name);
const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));

const shape = z.object({
  location: z.string(),
  properties: z.object({
    provisioningState: z.string(),
    diskState: z.string(),
    diskSizeBytes: z.number(),
    incremental: z.boolean(),
    incrementalSnapshotFamilyId: z.string().optional(),
    completionPercent: z.number().optional(),
    creationData: z.object({ sourceUniqueId: z.string() }),
  }),
});

let box: TestBox;
let clock: VirtualClock;
beforeAll(async () => {
  clock = new VirtualClock(new Date().toISOString());
  box = await startBox({ clock, config: { backgroundCopyTime: 4 * MINUTE } });
  await box.client.put(groupId("g"), { location: NORTH });
});
afterAll(() => box.close());

async function done(begun: Parameters<typeof finished>[1]): Promise<unknown> {
  await clock.advance(1, settle);
  return finished(box.client, begun);
}

/** Small, and with content that a test may change: made by an upload, since an empty disk has whole GiB. */
async function makeSmall(name: string): Promise<string> {
  const creationData = { createOption: "Upload", uploadSizeBytes: SIZE + 512 };
  const file = await makeDisk(name, {}, { creationData, diskSizeGB: undefined });
  const blob = await grant(diskId(name), "Write");
  await blob.uploadPages(vhdFooter(bytes(SIZE), Buffer.alloc(16)), SIZE, 512);
  await revoke(diskId(name));
  return file;
}

async function makeDisk(name: string, more: object = {}, properties: object = {}): Promise<string> {
  const body = {
    location: NORTH,
    sku: { name: "Premium_LRS" },
    properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1, osType: "Linux", ...properties },
    ...more,
  };
  await done(await box.client.put(diskId(name), body));
  return `${box.directory}/disks/${name}.img`;
}

const ofDisk = (disk: string, more: object = {}) => ({
  location: NORTH,
  properties: {
    creationData: { createOption: "Copy", sourceResourceId: diskId(disk) },
    incremental: true,
    ...more,
  },
});

async function take(name: string, disk: string, more: object = {}) {
  await done(await box.client.put(snapshotId(name), ofDisk(disk, more)));
  return read(name);
}
const read = async (name: string) => shape.parse((await box.client.get(snapshotId(name))).body);

async function write(file: string, offset: number, data: Buffer): Promise<void> {
  const image = await open(file, "r+");
  await image.write(data, 0, data.length, offset);
  await image.close();
}

async function grant(id: string, access: "Read" | "Write" = "Read"): Promise<PageBlobClient> {
  const body = await done(await box.client.post(`${id}/beginGetAccess`, { access, durationInSeconds: 3600 }));
  const answer = z.object({ properties: z.object({ output: z.object({ accessSAS: z.string() }) }) });
  const url = z.union([z.object({ accessSAS: z.string() }), answer]).parse(body);
  return blobAt("accessSAS" in url ? url.accessSAS : url.properties.output.accessSAS);
}
const revoke = async (id: string) => done(await box.client.post(`${id}/endGetAccess`));

function blobAt(url: string): PageBlobClient {
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = {
    retryOptions: { maxTries: 1 },
    tlsOptions: { ca: box.ca },
  };
  return new PageBlobClient(url, new AnonymousCredential(), options);
}

test("an incremental snapshot keeps what the disk held, and knows its family and its source", async () => {
  const file = await makeSmall("kept");
  await write(file, MIB, Buffer.alloc(MIB, 1));
  const first = await take("kept-1", "kept");
  expect(first.properties).toMatchObject({
    provisioningState: "Succeeded",
    diskState: "Unattached",
    diskSizeBytes: SIZE,
    incremental: true,
    completionPercent: 100,
  });
  const disk = z.object({ properties: z.object({ uniqueId: z.string() }) });
  const { uniqueId } = disk.parse((await box.client.get(diskId("kept"))).body).properties;
  expect(first.properties.creationData.sourceUniqueId).toBe(uniqueId);
  await write(file, MIB, Buffer.alloc(MIB, 2));
  const second = await take("kept-2", "kept");
  expect(second.properties.incrementalSnapshotFamilyId).toBe(first.properties.incrementalSnapshotFamilyId);
  const blob = await grant(snapshotId("kept-1"));
  expect((await read("kept-1")).properties.diskState).toBe("ActiveSAS");
  expect((await blob.getProperties()).contentLength).toBe(SIZE + 512);
  expect((await blob.downloadToBuffer(MIB, MIB)).equals(Buffer.alloc(MIB, 1))).toBe(true);
  await revoke(snapshotId("kept-1"));
  await expect(blob.getProperties()).rejects.toMatchObject({ statusCode: 403 });
  expect((await read("kept-1")).properties.diskState).toBe("Unattached");
});

test("the difference of two snapshots has what was written and what became zero, the footer not", async () => {
  const file = await makeSmall("diff");
  await write(file, 8 * MIB, Buffer.alloc(MIB, 7));
  await take("diff-1", "diff");
  await write(file, 64 * MIB + 4 * KIB, Buffer.alloc(8 * KIB, 9));
  await write(file, 8 * MIB, Buffer.alloc(64 * KIB, 0));
  await take("diff-2", "diff");
  const [before, now] = [await grant(snapshotId("diff-1")), await grant(snapshotId("diff-2"))];
  const diff = await now.getPageRangesDiffForManagedDisks(0, SIZE + 512, before.url);
  // Microsoft's client takes the last byte for the end: its counts are one too small.
  expect(diff.pageRange).toEqual([{ offset: 64 * MIB + 4 * KIB, count: 8 * KIB - 1 }]);
  expect(diff.clearRange).toEqual([{ offset: 8 * MIB, count: 64 * KIB - 1 }]);
  const window = await now.getPageRangesDiffForManagedDisks(0, 32 * MIB, before.url);
  expect([window.pageRange, window.clearRange]).toEqual([[], [{ offset: 8 * MIB, count: 64 * KIB - 1 }]]);
  await expect(before.getPageRangesDiffForManagedDisks(0, GIB, now.url)).rejects.toMatchObject({
    code: "PreviousSnapshotCannotBeNewer",
  });
});

test("there is no difference between snapshots of two disks, nor without both signatures", async () => {
  for (const name of ["one", "two"]) {
    await makeDisk(name);
    await take(`${name}-1`, name);
  }
  const [one, two] = [await grant(snapshotId("one-1")), await grant(snapshotId("two-1"))];
  await expect(two.getPageRangesDiffForManagedDisks(0, GIB, one.url)).rejects.toMatchObject({
    code: "PreviousSnapshotOperationNotSupported",
  });
  await expect(two.getPageRangesDiffForManagedDisks(0, GIB, "https://127.0.0.1:1/x")).rejects.toMatchObject({
    code: "PreviousSnapshotNotFound",
  });
  await revoke(snapshotId("one-1"));
  await expect(two.getPageRangesDiffForManagedDisks(0, GIB, one.url)).rejects.toMatchObject({
    statusCode: 403,
  });
});

test("a list of ranges comes in pages when it is asked for so", async () => {
  const file = await makeSmall("paged");
  for (let n = 0; n < 5; n++) await write(file, n * 2 * MIB, Buffer.alloc(64 * KIB, 1));
  await take("paged-1", "paged");
  const blob = await grant(snapshotId("paged-1"));
  const pages = [];
  for await (const page of blob.listPageRanges(0, 16 * MIB).byPage({ maxPageSize: 2 }))
    pages.push(page.pageRange?.map(({ start }) => start));
  expect(pages).toEqual([[0, 2 * MIB], [4 * MIB, 6 * MIB], [8 * MIB]]);
});

test("a disk that is made of a snapshot has its bytes", async () => {
  const file = await makeSmall("origin");
  await write(file, MIB, Buffer.alloc(MIB, 5));
  await take("origin-1", "origin");
  await write(file, MIB, Buffer.alloc(MIB, 6));
  const creationData = { createOption: "Copy", sourceResourceId: snapshotId("origin-1") };
  const copy = await makeDisk("copy", {}, { creationData });
  const image = await open(copy, "r");
  const { buffer } = await image.read(Buffer.alloc(MIB), 0, MIB, MIB);
  await image.close();
  expect(buffer.equals(Buffer.alloc(MIB, 5))).toBe(true);
  await expect(
    box.client.put(diskId("far"), { location: WEST, properties: { creationData } }),
  ).rejects.toThrow(/region of its source/);
});

test("pages are written from the URL of a snapshot, without passing through the caller", async () => {
  const file = await makeSmall("from");
  await write(file, MIB, Buffer.alloc(MIB, 3));
  await take("from-1", "from");
  const source = await grant(snapshotId("from-1"));
  const upload = { createOption: "Upload", uploadSizeBytes: SIZE + 512 };
  const target = await makeDisk("to", {}, { creationData: upload, diskSizeGB: undefined });
  const blob = await grant(diskId("to"), "Write");
  await blob.uploadPagesFromURL(source.url, MIB, MIB, MIB);
  await blob.uploadPagesFromURL(source.url, SIZE, SIZE, 512);
  await revoke(diskId("to"));
  const image = await open(target, "r");
  const { buffer } = await image.read(Buffer.alloc(MIB), 0, MIB, MIB);
  await image.close();
  expect(buffer.equals(Buffer.alloc(MIB, 3))).toBe(true);
});

test("pages are written from nowhere but the box, and never more than 4 MiB or another length", async () => {
  await makeDisk("src");
  await take("src-1", "src");
  const source = await grant(snapshotId("src-1"));
  await makeDisk("dst", {}, { creationData: { createOption: "Upload", uploadSizeBytes: GIB + 512 } });
  const blob = await grant(diskId("dst"), "Write");
  await expect(blob.uploadPagesFromURL("https://127.0.0.1:1/x", 0, 0, 512)).rejects.toMatchObject({
    statusCode: 400,
  });
  await expect(blob.uploadPagesFromURL(source.url, 0, 0, 4 * MIB + 512)).rejects.toMatchObject({
    statusCode: 413,
  });
  await revoke(snapshotId("src-1"));
  await expect(blob.uploadPagesFromURL(source.url, 0, 0, 512)).rejects.toMatchObject({
    statusCode: 403,
    code: "CannotVerifyCopySource",
  });
});

test("a disk takes seven incremental snapshots within five minutes, also when they are deleted", async () => {
  await makeDisk("often");
  for (let n = 1; n <= 7; n++) {
    await take(`often-${n}`, "often");
    await done(await box.client.delete(snapshotId(`often-${n}`)));
  }
  await expect(take("often-8", "often")).rejects.toThrow(/within five minutes/);
  await take("often-full", "often", { incremental: false });
  await clock.advance(5 * MINUTE, settle);
  await take("often-8", "often");
});

test("five snapshots of a family may be open at once", async () => {
  await makeDisk("open");
  for (let n = 1; n <= 6; n++) await take(`open-${n}`, "open");
  for (let n = 1; n <= 5; n++) await grant(snapshotId(`open-${n}`));
  await expect(grant(snapshotId("open-6"))).rejects.toThrow(/That is the most/);
  await revoke(snapshotId("open-1"));
  await grant(snapshotId("open-6"));
});

test("a snapshot of an Ultra disk is filled in the background, three at most, and not readable before", async () => {
  await makeDisk("ultra", { sku: { name: "UltraSSD_LRS" } });
  expect((await take("ultra-1", "ultra")).properties.completionPercent).toBe(0);
  await expect(grant(snapshotId("ultra-1"))).rejects.toThrow(/background copy/);
  await clock.advance(2 * MINUTE, settle);
  expect((await read("ultra-1")).properties.completionPercent).toBeCloseTo(50, 0);
  await take("ultra-2", "ultra");
  await take("ultra-3", "ultra");
  await expect(take("ultra-4", "ultra")).rejects.toThrow(/background copy is not complete/);
  await clock.advance(4 * MINUTE, settle);
  await grant(snapshotId("ultra-1"));
});

test("a snapshot is copied to another region, in the same family", async () => {
  const file = await makeSmall("travel");
  await write(file, 0, Buffer.alloc(MIB, 8));
  const here = await take("travel-1", "travel");
  const body = {
    location: WEST,
    properties: {
      creationData: { createOption: "CopyStart", sourceResourceId: snapshotId("travel-1") },
      incremental: true,
    },
  };
  await done(await box.client.put(snapshotId("travel-w"), body));
  const there = await read("travel-w");
  expect(there.location).toBe(WEST);
  expect(there.properties.incrementalSnapshotFamilyId).toBe(here.properties.incrementalSnapshotFamilyId);
  await clock.advance(4 * MINUTE, settle);
  const blob = await grant(snapshotId("travel-w"));
  expect((await blob.downloadToBuffer(0, MIB)).equals(Buffer.alloc(MIB, 8))).toBe(true);
});

test("an open snapshot is not deleted; a closed one goes with its bytes", async () => {
  await makeDisk("gone");
  await take("gone-1", "gone");
  const file = `${box.directory}/disks/snapshots/gone-1.img`;
  expect(existsSync(file)).toBe(true);
  await grant(snapshotId("gone-1"));
  await expect(box.client.delete(snapshotId("gone-1"))).rejects.toThrow(/active shared access signature/);
  await revoke(snapshotId("gone-1"));
  await done(await box.client.delete(snapshotId("gone-1")));
  expect(existsSync(file)).toBe(false);
  expect(await box.client.find(snapshotId("gone-1"))).toBeUndefined();
});

test("a snapshot is of a whole disk in its region, and its source never changes", async () => {
  const creationData = { createOption: "Upload", uploadSizeBytes: GIB + 512 };
  await makeDisk("half", {}, { creationData, diskSizeGB: undefined });
  await expect(take("half-1", "half")).rejects.toThrow(/ReadyToUpload/);
  await makeDisk("home");
  await expect(box.client.put(snapshotId("away"), { ...ofDisk("home"), location: WEST })).rejects.toThrow(
    /region of its source/,
  );
  await take("home-1", "home");
  await makeDisk("other");
  await expect(box.client.put(snapshotId("home-1"), ofDisk("other"))).rejects.toThrow(
    /PropertyChangeNotAllowed/,
  );
});

test("its footer says the size of its disk", async () => {
  await makeDisk("foot");
  await take("foot-1", "foot");
  const blob = await grant(snapshotId("foot-1"));
  const footer = await blob.downloadToBuffer(GIB, 512);
  expect(footer.subarray(0, 68)).toEqual(
    Buffer.concat([vhdFooter(bytes(GIB), Buffer.alloc(16)).subarray(0, 64), footer.subarray(64, 68)]),
  );
});
