import { open } from "node:fs/promises";
import { PageBlobClient } from "@azure/storage-blob";
import { messageOf } from "../../../engine/core/errors.ts";
import { type Bytes, MIB, bytes } from "../../../engine/core/units.ts";
import { VHD_FOOTER_BYTES, checkVhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Disk } from "../model.ts";
import { endpointsOf } from "../storage/storage-account.ts";
import { storageOptions } from "./box-blob.ts";
import { createSparse } from "./disk-file.ts";

const STORAGE = "https://storage.azure.com";
/** Azure's own service reads the blob, whoever asked for the import. */
const IMPORTER = { objectId: "00000000-0000-0000-0000-00000000d15c", clientId: "disk-import", roles: [] };
const CHUNK = 4 * MIB;
const PARALLEL = 4;

/**
 * Fills the disk's image from the page blob of its creation data, allocated ranges only.
 * @returns the disk's size.
 * @throws ArmError when the blob is no fixed VHD of a whole number of MiB, or not in the account and region named.
 */
export async function importBlob(box: Box, disk: Disk): Promise<Bytes> {
  const blob = sourceOf(box, disk);
  const { contentLength = 0, blobType } = await reachable(blob.getProperties(), disk.name);
  if (blobType !== "PageBlob" || contentLength <= VHD_FOOTER_BYTES)
    throw new ArmError(400, "InvalidVhd", "Only blobs formatted as VHDs can be imported.");
  const size = bytes(contentLength - VHD_FOOTER_BYTES);
  if (size % MIB !== 0)
    throw new ArmError(
      400,
      "InvalidVhd",
      `The VHD of disk '${disk.name}' has ${size} bytes. The size of a VHD must be a whole number of MiB.`,
    );
  await checkFooter(blob, size, disk.name);
  await createSparse(disk.hidden.file, size);
  await copyRanges(blob, size, disk.hidden.file);
  return size;
}

function sourceOf(box: Box, disk: Disk): PageBlobClient {
  const uri = String(disk.properties.creationData["sourceUri"]);
  const accountId = String(disk.properties.creationData["storageAccountId"]);
  const account = box.state.storageAccounts.get(accountId);
  if (!account)
    throw new ArmError(
      404,
      "StorageAccountNotFound",
      `The storage account ${accountId} of disk '${disk.name}' was not found.`,
    );
  if (account.location !== disk.location)
    throw new ArmError(400, "BadRequest", `Source blob and disk '${disk.name}' must be in the same region.`);
  if (!uri.startsWith(endpointsOf(box, account.hidden.pool).blob))
    throw new ArmError(
      400,
      "InvalidParameter",
      `The source URI of disk '${disk.name}' is not in storage account ${account.name}.`,
    );
  const credential = {
    getToken: async () => {
      const { token, expires } = await box.issuer.mint(IMPORTER, STORAGE);
      return { token, expiresOnTimestamp: expires * 1000 };
    },
  };
  return new PageBlobClient(uri, credential, storageOptions(box.ca));
}

async function reachable<Answer>(answer: Promise<Answer>, disk: string): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    const reason = messageOf(error).split("\n")[0];
    throw new ArmError(
      400,
      "BlobNotReachable",
      `The source blob of disk '${disk}' cannot be read: ${reason}`,
    );
  }
}

async function checkFooter(blob: PageBlobClient, size: Bytes, disk: string): Promise<void> {
  const footer = await reachable(blob.downloadToBuffer(size, VHD_FOOTER_BYTES), disk);
  try {
    checkVhdFooter(footer, bytes(size + VHD_FOOTER_BYTES));
  } catch (error) {
    throw new ArmError(400, "InvalidVhd", messageOf(error));
  }
}

async function copyRanges(blob: PageBlobClient, size: Bytes, file: string): Promise<void> {
  const image = await open(file, "r+");
  try {
    const chunks = chunksOf(blob, size);
    const copy = async () => {
      for await (const { offset, length } of chunks)
        await image.write(await blob.downloadToBuffer(offset, length), 0, length, offset);
    };
    await Promise.all(Array.from({ length: PARALLEL }, copy));
    await image.sync();
  } finally {
    await image.close();
  }
}

/** The allocated ranges of the disk, without the footer, in pieces. */
async function* chunksOf(blob: PageBlobClient, size: Bytes) {
  for await (const range of blob.listPageRanges(0, size))
    for (let at = range.start; at <= range.end; at += CHUNK)
      yield { offset: at, length: Math.min(CHUNK, range.end + 1 - at, size - at) };
}
