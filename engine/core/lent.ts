import { MIB } from "./units.ts";

/**
 * Large buffers that are used again. V8 counts them as heap: a process through which gigabytes of fresh ones pass collects
 * its whole heap every 64 MB, a quarter of all that rebuilding a disk cost, and each of their pages is faulted in anew.
 */
const spares: ArrayBuffer[] = [];
/** Those that are out; whoever never gives one back leaves it to the garbage collector. */
const lent = new WeakMap<ArrayBufferLike, number>();
/** Kept for the next in all: twice what a rebuild has in its hands. */
const MOST = 192 * MIB;
/** Smaller ones cost less than looking after them. */
const LEAST = MIB;

/** A buffer of this size, with any content. */
export function lend(size: number): Buffer {
  if (size < LEAST) return Buffer.allocUnsafeSlow(size);
  const found = spares.findIndex(({ byteLength }) => byteLength >= size && byteLength <= 2 * size);
  const [spare] = found < 0 ? [] : spares.splice(found, 1);
  const memory = spare ?? Buffer.allocUnsafeSlow(Math.ceil(size / MIB) * MIB).buffer;
  lent.set(memory, size);
  return Buffer.from(memory, 0, size);
}

/**
 * Ends the use of what `lend` gave: nobody may look at it, or at a view of it, any more. Nothing happens when it is of
 * another origin, or only a part, as one segment of a pack: others may still be in use.
 */
export function giveBack(whole: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = whole;
  if (!(buffer instanceof ArrayBuffer) || byteOffset !== 0 || lent.get(buffer) !== byteLength) return;
  lent.delete(buffer);
  spares.push(buffer);
  let kept = spares.reduce((sum, each) => sum + each.byteLength, 0);
  while (kept > MOST) kept -= spares.shift()?.byteLength ?? 0;
}
