import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { AnonymousCredential, PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Disk,
  type DiskSource,
  closeDisk,
  ensureDisk,
  getDisk,
  openDisk,
} from "../../../engine/azure/disk.ts";
import { remove } from "../../../engine/azure/resource.ts";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { machineId } from "../../../engine/core/ids.ts";
import { GIB, MIB, bytes } from "../../../engine/core/units.ts";
import { NORTH, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

const owner = { machine: machineId("ledger"), role: "target-disk" } as const;
const diskId = (name: string) => idOf("g", "Microsoft.Compute/disks", name);
const SIZE = bytes(32 * MIB);
const FOOTER = vhdFooter(SIZE, Buffer.alloc(16, 7));

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  await box.client.put(groupId("g"), { location: NORTH });
});
afterAll(() => box.close());

async function make(name: string, source: DiskSource): Promise<Disk> {
  const spec = {
    id: diskId(name),
    location: NORTH,
    sku: "Premium_LRS",
    source,
    osType: "Linux",
    owner,
  } as const;
  await finished(box.client, await ensureDisk(box.client, spec));
  return getDisk(box.client, diskId(name));
}

const upload = { from: "upload", size: SIZE } as const;
const open = (name: string, access: "Read" | "Write", seconds = 3600) =>
  openDisk(box.client, diskId(name), { access, seconds }, systemClock);
const close = async (name: string) => finished(box.client, await closeDisk(box.client, diskId(name)));

function blobAt(url: string): PageBlobClient {
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = {
    retryOptions: { maxTries: 1 },
    tlsOptions: { ca: box.ca },
  };
  return new PageBlobClient(url, new AnonymousCredential(), options);
}

function imageOf(name: string, offset: number, length: number): Buffer {
  const file = openSync(`${box.directory}/disks/${name}.img`, "r");
  const data = Buffer.alloc(length);
  readSync(file, data, 0, length, offset);
  closeSync(file);
  return data;
}

async function uploaded(name: string): Promise<void> {
  await make(name, upload);
  const blob = blobAt(await open(name, "Write"));
  await blob.uploadPages(Buffer.alloc(64 * 1024, 1), MIB, 64 * 1024);
  await blob.uploadPages(FOOTER, SIZE, 512);
  await close(name);
}

test("an empty disk is a sparse file of its size", async () => {
  const disk = await make("empty", { from: "empty", size: bytes(GIB) });
  expect(disk.properties).toMatchObject({ diskState: "Unattached", diskSizeBytes: GIB, osType: "Linux" });
  const { size, blocks } = statSync(`${box.directory}/disks/empty.img`);
  expect(size).toBe(GIB);
  expect(blocks * 512).toBeLessThan(MIB);
});

test("making it twice keeps the disk, also while it is being made", async () => {
  const spec = { id: diskId("twice"), location: NORTH, sku: "Premium_LRS", source: upload, owner } as const;
  const [first, second] = [await ensureDisk(box.client, spec), await ensureDisk(box.client, spec)];
  await finished(box.client, first);
  await finished(box.client, second);
  expect(await ensureDisk(box.client, spec)).toEqual({ id: diskId("twice") });
  expect((await getDisk(box.client, diskId("twice"))).properties.diskState).toBe("ReadyToUpload");
});

test("an upload goes from ReadyToUpload over ActiveUpload to Unattached, and its footer is cut off", async () => {
  expect((await make("up", upload)).properties.diskState).toBe("ReadyToUpload");
  const blob = blobAt(await open("up", "Write"));
  expect((await getDisk(box.client, diskId("up"))).properties.diskState).toBe("ActiveUpload");
  const data = Buffer.alloc(4 * MIB, 0xab);
  await blob.uploadPages(data, 4 * MIB, data.length);
  await blob.clearPages(5 * MIB, MIB);
  await blob.uploadPages(FOOTER, SIZE, 512);
  await close("up");
  const disk = await getDisk(box.client, diskId("up"));
  expect(disk.properties).toMatchObject({ diskState: "Unattached", diskSizeBytes: SIZE });
  expect(statSync(`${box.directory}/disks/up.img`).size).toBe(SIZE);
  expect(imageOf("up", 4 * MIB, MIB).every((byte) => byte === 0xab)).toBe(true);
  expect(imageOf("up", 5 * MIB, MIB).every((byte) => byte === 0)).toBe(true);
});

test("an upload without a footer is not finished", async () => {
  await make("bare", upload);
  const blob = blobAt(await open("bare", "Write"));
  await expect(close("bare")).rejects.toThrow(/InvalidVhd.*conectix/);
  await blob.uploadPages(FOOTER, SIZE, 512);
  await close("bare");
  expect((await getDisk(box.client, diskId("bare"))).properties.diskState).toBe("Unattached");
});

test("a footer of another size is refused as well", async () => {
  await make("other", upload);
  const blob = blobAt(await open("other", "Write"));
  await blob.uploadPages(vhdFooter(bytes(16 * MIB), Buffer.alloc(16)), SIZE, 512);
  await expect(close("other")).rejects.toThrow(/InvalidVhd/);
});

test("a disk is read as the page blob that its SAS shows: size, ranges and a footer", async () => {
  await uploaded("readable");
  const blob = blobAt(await open("readable", "Read"));
  const { contentLength, blobType } = await blob.getProperties();
  expect([contentLength, blobType]).toEqual([SIZE + 512, "PageBlob"]);
  const ranges = [];
  for await (const { start, end } of blob.listPageRanges()) ranges.push([start, end]);
  expect(ranges).toEqual([
    [MIB, MIB + 64 * 1024 - 1],
    [SIZE, SIZE + 511],
  ]);
  expect(await blob.downloadToBuffer(MIB - 512, 1024)).toEqual(
    Buffer.concat([Buffer.alloc(512), Buffer.alloc(512, 1)]),
  );
  expect((await blob.downloadToBuffer(SIZE, 512)).toString("latin1", 0, 8)).toBe("conectix");
  await expect(blob.uploadPages(Buffer.alloc(512), 0, 512)).rejects.toThrow(/may only read/);
  await close("readable");
});

test("opening an open disk gives another URL; closing revokes both", async () => {
  await make("again", upload);
  const [first, second] = [await open("again", "Write"), await open("again", "Write")];
  expect(first).not.toBe(second);
  await blobAt(first).uploadPages(FOOTER, SIZE, 512);
  await blobAt(second).getProperties();
  await close("again");
  await expect(blobAt(first).getProperties()).rejects.toMatchObject({ statusCode: 403 });
  await expect(blobAt(second).getProperties()).rejects.toMatchObject({ statusCode: 403 });
  await close("again");
});

test("a SAS that somebody changed opens nothing", async () => {
  await make("signed", upload);
  const url = new URL(await open("signed", "Write"));
  url.searchParams.set("se", "2099-01-01T00:00:00.000Z");
  await expect(blobAt(url.href).getProperties()).rejects.toMatchObject({ statusCode: 403 });
});

test("the SAS stands in no operation, no state file and no resource", async () => {
  await make("secret", upload);
  const sas = await open("secret", "Write");
  const signature = new URL(sas).searchParams.get("sig") ?? "-";
  const kept = [await box.admin("GET", "/box/state"), await box.client.get(diskId("secret"))];
  const state = readFileSync(`${box.directory}/arm/state.json`, "utf8");
  expect(JSON.stringify(kept) + state).not.toContain(signature);
});

test.each([
  ["beyond the end", SIZE + 512, 512],
  ["across the end", SIZE, 1024],
])("a write %s is refused", async (_, offset, count) => {
  await make("bounds", upload);
  const blob = blobAt(await open("bounds", "Write"));
  await expect(blob.uploadPages(Buffer.alloc(count), offset, count)).rejects.toMatchObject({
    statusCode: 416,
  });
});

test("a page write whose MD5 is wrong is refused", async () => {
  await make("md5", upload);
  const blob = blobAt(await open("md5", "Write"));
  const wrong = { transactionalContentMD5: Buffer.alloc(16) };
  await expect(blob.uploadPages(Buffer.alloc(512), 0, 512, wrong)).rejects.toMatchObject({ statusCode: 400 });
});

test("a disk cannot be written once it is uploaded", async () => {
  await uploaded("done");
  await expect(open("done", "Write")).rejects.toThrow(/Unattached.*ReadyToUpload, ActiveUpload/);
});

test("a disk to be uploaded cannot be read, and one with a live SAS cannot be deleted", async () => {
  await make("fresh", upload);
  await expect(open("fresh", "Read")).rejects.toThrow(/OperationNotAllowed.*ReadyToUpload/);
  await open("fresh", "Write");
  await expect(remove(box.client, diskId("fresh"), owner)).rejects.toThrow(/active shared access signature/);
});

test.each([
  ["smaller than Azure takes", MIB],
  ["of no whole number of MiB", 32 * MIB + 512],
])("an upload %s is refused", async (_, size) => {
  await expect(make("odd", { from: "upload", size: bytes(size) })).rejects.toThrow(/uploadSizeBytes/);
});

test("where a disk comes from never changes, nor where it is", async () => {
  await make("fixed", upload);
  const body = (location: string, size: number) => ({
    location,
    properties: { creationData: { createOption: "Upload", uploadSizeBytes: size + 512 } },
  });
  await expect(box.client.put(diskId("fixed"), body(NORTH, 64 * MIB))).rejects.toThrow(
    "PropertyChangeNotAllowed",
  );
  await expect(box.client.put(diskId("fixed"), body(WEST, SIZE))).rejects.toThrow("InvalidResourceLocation");
});

test("a copy has the bytes of its source", async () => {
  await uploaded("original");
  const copy = await make("copy", { from: "copy", resource: diskId("original") });
  expect(copy.properties).toMatchObject({ diskState: "Unattached", diskSizeBytes: SIZE });
  expect(imageOf("copy", MIB, 512)).toEqual(Buffer.alloc(512, 1));
});

test("deleting a disk deletes its file, and may run twice", async () => {
  await make("gone", upload);
  expect(existsSync(`${box.directory}/disks/gone.img`)).toBe(true);
  await finished(box.client, await remove(box.client, diskId("gone"), owner));
  expect(existsSync(`${box.directory}/disks/gone.img`)).toBe(false);
  expect(await remove(box.client, diskId("gone"), owner)).toEqual({ id: diskId("gone") });
});
