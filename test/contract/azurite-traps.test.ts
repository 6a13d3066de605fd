import {
  BlobServiceClient,
  ContainerSASPermissions,
  type StoragePipelineOptions,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KIB, MIB, SECTOR } from "../../engine/core/units.ts";
import {
  type ConnectOptions,
  connectContainer,
  connectContainerBySas,
  connectTable,
} from "../../engine/storage/connect.ts";
import { type Region, startRegion } from "../fixtures/region.ts";

/**
 * What Azurite does otherwise than Azure, shown with the bare SDK. The guards are in `engine/storage` and tested by the
 * suite; when a test here fails after an upgrade of Azurite, its guard and its line in `docs/box.md` may go.
 */
let region: Region;
beforeAll(async () => {
  region = await startRegion();
});
afterAll(() => region.stop());

const page = (fill: number) => Buffer.alloc(SECTOR, fill);
const container = () => connectContainer(region.blobEndpoint, "leeward", region.credential, region.options);

async function blobWith(name: string, fill: number) {
  const blob = container().getPageBlobClient(name);
  await blob.create(MIB);
  await blob.uploadPages(page(fill), 0, SECTOR);
  return blob;
}

test("a write to a copy changes the snapshot that it was copied from", async () => {
  const blob = await blobWith("trap/shared", 1);
  const point = blob.withSnapshot((await blob.createSnapshot()).snapshot ?? "");
  const copy = container().getPageBlobClient("trap/shared-copy");
  await (await copy.beginCopyFromURL(point.url)).pollUntilDone();
  await copy.uploadPages(page(2), 0, SECTOR);
  expect(await point.downloadToBuffer(0, SECTOR)).toEqual(page(2));
});

test("a write through the URL of a snapshot changes the blob", async () => {
  const blob = await blobWith("trap/snapshot", 1);
  const point = blob.withSnapshot((await blob.createSnapshot()).snapshot ?? "");
  await point.uploadPages(page(2), 0, SECTOR);
  expect(await blob.downloadToBuffer(0, SECTOR)).toEqual(page(2));
});

test("page writes over 4 MiB and over the end of the blob are taken", async () => {
  const blob = container().getPageBlobClient("trap/limits");
  await blob.create(8 * MIB);
  await blob.uploadPages(Buffer.alloc(5 * MIB, 1), 0, 5 * MIB);
  await blob.uploadPages(Buffer.alloc(2 * SECTOR, 1), 8 * MIB - SECTOR, 2 * SECTOR);
  expect((await blob.getProperties()).contentLength).toBe(8 * MIB);
});

test("ranges that touch are listed one by one", async () => {
  const blob = await blobWith("trap/ranges", 1);
  await blob.uploadPages(page(2), SECTOR, SECTOR);
  expect((await blob.getPageRanges()).pageRange).toHaveLength(2);
});

test("the diff of page ranges is the list of all ranges", async () => {
  const blob = await blobWith("trap/diff", 1);
  const { snapshot = "" } = await blob.createSnapshot();
  expect((await blob.getPageRangesDiff(0, MIB, snapshot)).pageRange).toHaveLength(1);
});

test("the text of a record loses characters that lie across two packets", async () => {
  const table = connectTable(region.tableEndpoint, "leeward", region.credential, region.options);
  // The places of the seams are not ours to choose; with three shifts each seam cuts a character in at least one.
  const texts = [0, 1, 2].map((shift) => `${"x".repeat(shift)}${"€".repeat(30 * KIB)}`);
  const kept = await Promise.all(
    texts.map(async (text, n) => {
      const pieces = { a: text.slice(0, 16 * KIB), b: text.slice(16 * KIB) };
      await table.upsertEntity({ partitionKey: "trap", rowKey: String(n), ...pieces }, "Replace");
      const { a, b } = await table.getEntity<{ a: string; b: string }>("trap", String(n));
      return a + b === text;
    }),
  );
  expect(kept).toContain(false);
});

test("a wrong MD5 of a page write is taken", async () => {
  const blob = await blobWith("trap/md5", 1);
  await blob.uploadPages(page(2), 0, SECTOR, { transactionalContentMD5: Buffer.alloc(16) });
  expect(await blob.downloadToBuffer(0, SECTOR)).toEqual(page(2));
});

test("the SDK's own version of a user-delegation SAS is refused", async () => {
  const options: StoragePipelineOptions & { tlsOptions?: ConnectOptions["tls"] } = {};
  options.tlsOptions = region.options.tls;
  const service = new BlobServiceClient(region.blobEndpoint, region.credential, options);
  const [startsOn, expiresOn] = [new Date(Date.now() - 60_000), new Date(Date.now() + 60_000)];
  const key = await service.getUserDelegationKey(startsOn, expiresOn);
  const permissions = ContainerSASPermissions.parse("l");
  const values = { containerName: "leeward", permissions, startsOn, expiresOn };
  const sas = generateBlobSASQueryParameters(values, key, service.accountName);
  const opened = connectContainerBySas(`${container().url}?${sas}`, region.options);
  await expect(opened.listBlobsFlat().next()).rejects.toMatchObject({ statusCode: 403 });
});
