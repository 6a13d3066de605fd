import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { VHD_FOOTER_BYTES, vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import type { Image } from "../model.ts";

/** Bytes of a disk or snapshot as a page blob shows them. */
export interface Target {
  readonly image: Image;
  readonly writable: boolean;
}

/** With the footer's 512 bytes. */
export const lengthOf = ({ image }: Target): number => image.properties.diskSizeBytes + VHD_FOOTER_BYTES;

/** What is read ends in a VHD footer made up here; what is being uploaded has the uploader's own. */
export async function bytesAt(
  file: FileHandle,
  target: Target,
  offset: number,
  length: number,
): Promise<Buffer> {
  const data = Buffer.alloc(length);
  await file.read(data, 0, length, offset);
  const size = target.image.properties.diskSizeBytes;
  if (!target.writable && offset + length > size) {
    const footer = vhdFooter(size, identityOf(target.image));
    footer.copy(data, Math.max(0, size - offset), Math.max(0, offset - size), offset + length - size);
  }
  return data;
}

/** Snapshots of one disk have one footer, so that it is no difference between them. */
function identityOf({ id, properties }: Image): Buffer {
  const family = properties["incrementalSnapshotFamilyId"];
  return createHash("md5")
    .update(typeof family === "string" ? family : id)
    .digest();
}
