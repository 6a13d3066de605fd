import { open } from "node:fs/promises";
import { messageOf } from "../../../engine/core/errors.ts";
import { type Bytes, MIB, bytes } from "../../../engine/core/units.ts";
import { VHD_FOOTER_BYTES, checkVhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { ArmError } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Disk } from "../model.ts";
import { endpointsOf } from "../storage/storage-account.ts";
import type { PageBlob } from "./box-blob.ts";
import { createSparse } from "./disk-file.ts";

const CHUNK = 4 * MIB;
const PARALLEL = 4;

/**
 * Fills the disk's image from the page blob of its creation data, allocated ranges only.
 * @returns the disk's size.
 * @throws ArmError when the blob is no fixed VHD of a whole number of MiB, or not in the account and region named.
 */
export async function importBlob(box: Box, disk: Disk): Promise<Bytes> {
  const blob = sourceOf(box, disk);
  const stored = await reachable(blob.size(), disk.name);
  if (stored === undefined || stored <= VHD_FOOTER_BYTES)
    throw new ArmError(400, "InvalidVhd", "Only blobs formatted as VHDs can be imported.");
  const size = bytes(stored - VHD_FOOTER_BYTES);
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

function sourceOf(box: Box, disk: Disk): PageBlob {
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
  return box.blobAt(uri);
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

async function checkFooter(blob: PageBlob, size: Bytes, disk: string): Promise<void> {
  const footer = await reachable(blob.read(size, VHD_FOOTER_BYTES), disk);
  try {
    checkVhdFooter(footer, bytes(size + VHD_FOOTER_BYTES));
  } catch (error) {
    throw new ArmError(400, "InvalidVhd", messageOf(error));
  }
}

async function copyRanges(blob: PageBlob, size: Bytes, file: string): Promise<void> {
  const image = await open(file, "r+");
  try {
    const chunks = chunksOf(blob, size);
    const copy = async () => {
      for await (const { offset, length } of chunks)
        await image.write(await blob.read(offset, length), 0, length, offset);
    };
    await Promise.all(Array.from({ length: PARALLEL }, copy));
    await image.sync();
  } finally {
    await image.close();
  }
}

/** The allocated ranges of the disk, without the footer, in pieces. */
async function* chunksOf(blob: PageBlob, size: Bytes) {
  for await (const { offset, length } of blob.ranges(size))
    for (let at = offset; at < offset + length; at += CHUNK)
      yield { offset: at, length: Math.min(CHUNK, offset + length - at, size - at) };
}
