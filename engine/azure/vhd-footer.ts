import { LeewardError } from "../core/errors.ts";
import { type Bytes, MIB } from "../core/units.ts";

/** A fixed VHD is the raw disk followed by this many bytes (Microsoft, "Virtual Hard Disk Image Format Specification"). */
export const VHD_FOOTER_BYTES = 512;

const COOKIE = "conectix";
const FIXED = 2;
const NO_DATA_OFFSET = 0xffff_ffff_ffff_ffffn;
const CHECKSUM_AT = 64;
const UNIQUE_ID_AT = 68;
/** The format counts seconds from 2000-01-01 UTC. Zero here, so that equal disks have equal footers. */
const TIME_STAMP = 0;
/**
 * The largest there is, which tells readers to take the size from its own field: cylinders, heads and sectors round most
 * sizes down. `qemu-img -o subformat=fixed,force_size`, which Azure's documentation asks for, does the same.
 */
const GEOMETRY = { cylinders: 0xffff, heads: 16, sectors: 255 };

/**
 * The footer of a fixed VHD. Equal arguments give equal bytes.
 * @param size of the disk, a whole number of MiB: Azure takes no other.
 * @param uniqueId 16 bytes.
 * @throws RangeError
 */
export function vhdFooter(size: Bytes, uniqueId: Uint8Array): Buffer {
  if (size === 0 || size % MIB !== 0) throw new RangeError(`not a whole number of MiB: ${size}`);
  if (uniqueId.length !== 16) throw new RangeError(`a unique id has 16 bytes, not ${uniqueId.length}`);
  const footer = Buffer.alloc(VHD_FOOTER_BYTES);
  footer.write(COOKIE, 0, "latin1");
  footer.writeUInt32BE(2, 8); // features: the reserved bit is always set
  footer.writeUInt32BE(0x0001_0000, 12); // format 1.0
  footer.writeBigUInt64BE(NO_DATA_OFFSET, 16);
  footer.writeUInt32BE(TIME_STAMP, 24);
  footer.write("lwd ", 28, "latin1"); // creator application
  footer.writeUInt32BE(0x0001_0000, 32);
  footer.write("Wi2k", 36, "latin1"); // creator host: readers accept only Windows and Mac
  footer.writeBigUInt64BE(BigInt(size), 40); // size at creation
  footer.writeBigUInt64BE(BigInt(size), 48); // size now
  footer.writeUInt16BE(GEOMETRY.cylinders, 56);
  footer.writeUInt8(GEOMETRY.heads, 58);
  footer.writeUInt8(GEOMETRY.sectors, 59);
  footer.writeUInt32BE(FIXED, 60);
  footer.set(uniqueId, UNIQUE_ID_AT);
  footer.writeUInt32BE(checksum(footer), CHECKSUM_AT);
  return footer;
}

/**
 * Checks a footer against the size of the blob that it ends.
 * @param blobSize of the whole blob, footer included.
 * @throws InvalidRequest saying what is wrong, in Azure's words where it has some.
 */
export function checkVhdFooter(footer: Uint8Array, blobSize: Bytes): void {
  const found = Buffer.from(footer.buffer, footer.byteOffset, footer.byteLength);
  if (found.length !== VHD_FOOTER_BYTES) throw wrong(`the footer has ${found.length} bytes instead of 512`);
  const cookie = found.toString("latin1", 0, 8);
  if (cookie !== COOKIE)
    throw wrong(
      `The specified cookie value in VHD footer indicates that disk with blob is not a supported VHD. Disk is expected to have cookie value '${COOKIE}'.`,
    );
  if (found.readUInt32BE(CHECKSUM_AT) !== checksum(found))
    throw wrong("the checksum of the VHD footer is wrong");
  const type = found.readUInt32BE(60);
  if (type !== FIXED) throw wrong(`the VHD is of type ${type}; only fixed ones (type 2) are supported`);
  const size = found.readBigUInt64BE(48);
  if (size !== BigInt(blobSize - VHD_FOOTER_BYTES))
    throw wrong(`the footer is for a disk of ${size} bytes, the blob holds ${blobSize - VHD_FOOTER_BYTES}`);
  if (size % BigInt(MIB) !== 0n) throw wrong(`the VHD's size is not a whole number of MiB: ${size}`);
}

const wrong = (message: string) => new LeewardError("InvalidRequest", message);

/** One's complement of the sum of all bytes, the checksum's own counted as zero. */
function checksum(footer: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < VHD_FOOTER_BYTES; at++)
    if (at < CHECKSUM_AT || at >= UNIQUE_ID_AT) sum += footer[at] ?? 0;
  return ~sum >>> 0;
}
