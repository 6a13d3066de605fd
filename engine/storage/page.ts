import { ExtentSet } from "../core/extent.ts";
import { type Bytes, SECTOR, bytes } from "../core/units.ts";
import { MAX_PAGE_WRITE, type PageRange } from "./store.ts";

/** Azure's limit for a page blob, 8 TiB. */
const MAX_PAGE_BLOB = 8 * 1024 ** 4;

/** @throws RangeError when no page blob can have this size. */
export function checkPageBlobSize(size: Bytes): void {
  if (size === 0 || size % SECTOR !== 0 || size > MAX_PAGE_BLOB)
    throw new RangeError(`not the size of a page blob: ${size}`);
}

/** @throws RangeError when the range is empty or not made of whole sectors. */
export function checkAligned(offset: number, length: number): void {
  if (offset < 0 || length <= 0 || offset % SECTOR !== 0 || length % SECTOR !== 0)
    throw new RangeError(`not a range of whole ${SECTOR}-byte sectors: ${length} bytes at ${offset}`);
}

/** @throws RangeError when Azure would refuse the write for its size; Azurite takes any. */
export function checkWriteLength(length: number): void {
  if (length > MAX_PAGE_WRITE)
    throw new RangeError(`${length} bytes are more than one page write takes (${MAX_PAGE_WRITE})`);
}

/** @throws RangeError when the range goes over the end; Azurite lets writes do so. */
export function checkWithin(size: number, offset: number, length: number): void {
  if (offset + length > size)
    throw new RangeError(`${length} bytes at ${offset} go over the end of a blob of ${size}`);
}

/** Ascending and merged where they touch or overlap: Azurite lists every write by itself. */
export function mergeRanges(found: Iterable<{ offset: number; count: number }>): PageRange[] {
  const set = new ExtentSet();
  for (const { offset, count } of found) set.add(offset, offset + count);
  return [...set].map(({ start, end }) => ({ offset: bytes(start), length: bytes(end - start) }));
}
