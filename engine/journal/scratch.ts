import { MIB } from "../core/units.ts";

/** Kept for the next segment: fresh memory of this size costs page faults and collections, a tenth of sealing. */
const spare: Buffer[] = [];
const SPARES = 3;
const LARGEST = 16 * MIB;

/** Lends the work a buffer of this size with any content. No view of it may outlive the work. */
export async function withScratch<T>(size: number, work: (buffer: Buffer) => Promise<T>): Promise<T> {
  const found = spare.findIndex((buffer) => buffer.length >= size);
  const buffer = spare.splice(found, found < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(size);
  try {
    return await work(buffer.subarray(0, size));
  } finally {
    if (spare.length < SPARES && buffer.length <= LARGEST) spare.push(buffer);
  }
}
