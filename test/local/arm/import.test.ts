import { openSync, readSync, statSync } from "node:fs";
import path from "node:path";
import { PageBlobClient } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureDisk, getDisk } from "../../../engine/azure/disk.ts";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { MIB, bytes } from "../../../engine/core/units.ts";
import { connectContainer } from "../../../engine/storage/connect.ts";
import { type Azurite, startAzurite } from "../../../local/azurite/azurite.ts";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import {
  NORTH,
  OPERATOR,
  type TestBox,
  WEST,
  finished,
  groupId,
  idOf,
  startBox,
  temporary,
} from "./fixture.ts";

const owner = { machine: "shared", role: "test" } as const;
const account = idOf("g", "Microsoft.Storage/storageAccounts", "replica");
const SIZE = bytes(64 * MIB);
const FOOTER = vhdFooter(SIZE, Buffer.alloc(16, 1));

let azurite: Azurite;
let box: TestBox;
let blobs: (name: string) => PageBlobClient;

beforeAll(async () => {
  const directory = temporary();
  const tls = await ensureCertificates(path.join(directory, "tls"));
  azurite = await startAzurite({
    directory: path.join(directory, "azurite"),
    accounts: ["north1"],
    tls,
    log: path.join(directory, "azurite.log"),
  });
  const pool = [
    { name: "north1", blob: azurite.blobEndpoint("north1"), table: azurite.tableEndpoint("north1") },
  ];
  const regions = [{ name: NORTH, pool }, { name: WEST }];
  box = await startBox({ directory, config: { regions, ca: tls.ca } });
  await box.client.put(groupId("g"), { location: NORTH });
  const made = await box.client.put(account, {
    location: NORTH,
    kind: "StorageV2",
    sku: { name: "Standard_LRS" },
  });
  await finished(box.client, made);
  const credential = {
    getToken: async () => ({
      token: await box.token(OPERATOR.secret, "https://storage.azure.com"),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  const options = { tls: { ca: box.ca } };
  const container = connectContainer(azurite.blobEndpoint("north1"), "disks", credential, options);
  await container.create();
  blobs = (name) => container.getPageBlobClient(name);
});
afterAll(async () => {
  await box.close();
  await azurite.kill();
});

async function vhd(name: string, size: number, footer: Buffer): Promise<string> {
  const blob = blobs(name);
  await blob.create(size + 512);
  await blob.uploadPages(Buffer.alloc(MIB, 0x5a), 8 * MIB, MIB);
  await blob.uploadPages(footer, size, 512);
  return blob.url;
}

async function imported(name: string, blobUrl: string, location = NORTH) {
  const id = idOf("g", "Microsoft.Compute/disks", name);
  const source = { from: "import", blobUrl, storageAccount: account } as const;
  await finished(
    box.client,
    await ensureDisk(box.client, { id, location, sku: "Premium_LRS", source, owner }),
  );
  return getDisk(box.client, id);
}

test("a fixed VHD becomes a disk with its bytes, and holes stay holes", async () => {
  const disk = await imported("good", await vhd("good.vhd", SIZE, FOOTER));
  expect(disk.properties).toMatchObject({ diskState: "Unattached", diskSizeBytes: SIZE });
  const file = `${box.directory}/disks/good.img`;
  const { size, blocks } = statSync(file);
  expect(size).toBe(SIZE);
  expect(blocks * 512).toBeLessThan(4 * MIB);
  const data = Buffer.alloc(3 * MIB);
  readSync(openSync(file, "r"), data, 0, data.length, 7 * MIB);
  const expected = Buffer.concat([Buffer.alloc(MIB), Buffer.alloc(MIB, 0x5a), Buffer.alloc(MIB)]);
  expect(data.equals(expected)).toBe(true);
});

test("a blob without a footer is refused in Azure's words, inside the operation", async () => {
  const url = await vhd("raw.vhd", SIZE, Buffer.alloc(512));
  await expect(imported("raw", url)).rejects.toMatchObject({
    code: "ArmFailed",
    message: expect.stringContaining("cookie value 'conectix'"),
  });
});

test("a VHD of no whole number of MiB is refused", async () => {
  const url = await vhd("odd.vhd", SIZE + 512, FOOTER);
  await expect(imported("odd", url)).rejects.toThrow(/whole number of MiB/);
});

test("a blob that is no page blob is refused", async () => {
  const block = blobs("block").getBlockBlobClient();
  await block.upload("x".repeat(1024), 1024);
  await expect(imported("block", block.url)).rejects.toThrow(/Only blobs formatted as VHDs/);
});

test("a blob that is not there, not in the account or not in the region is refused", async () => {
  await expect(imported("none", blobs("none.vhd").url)).rejects.toThrow(/cannot be read/);
  await expect(imported("foreign", "https://127.0.0.1:1/other/x.vhd")).rejects.toThrow(
    /not in storage account/,
  );
  await expect(imported("far", blobs("good.vhd").url, WEST)).rejects.toThrow(/same region/);
});
