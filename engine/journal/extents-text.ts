import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Extent } from "../core/extent.ts";

/**
 * Extents as text: the distance of each boundary from the one before in LEB128, compressed with zstd, in Base64. Two to four
 * bytes for a boundary, before compression.
 * @param extents ascending, none touching another
 */
export function encodeExtents(extents: Iterable<Extent>): string {
  const to = new Growing();
  let last = 0;
  for (const { start, end } of extents) {
    to.put(start - last);
    to.put(end - start);
    last = end;
  }
  return zstdCompressSync(to.bytes).toString("base64");
}

/** @throws RangeError for anything that `encodeExtents` does not give */
export function* decodeExtents(text: string): Generator<Extent> {
  const all = decompressed(text);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = all[at++];
      if (byte === undefined || factor > 2 ** 49) throw new RangeError("no extents: a number has no end");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  for (let last = 0, first = true; at < all.length; first = false) {
    const gap = number();
    const length = number();
    if (length === 0 || (gap === 0 && !first)) throw new RangeError("no extents: two of them touch");
    const start = last + gap;
    last = start + length;
    if (!Number.isSafeInteger(last)) throw new RangeError(`no extents: ${start} and ${length} more`);
    yield { start, end: last };
  }
}

function decompressed(text: string): Buffer {
  try {
    return zstdDecompressSync(Buffer.from(text, "base64"));
  } catch (error) {
    throw new RangeError("no extents: they cannot be decompressed", { cause: error });
  }
}

/** Bytes put one behind the other. */
class Growing {
  #all = Buffer.alloc(4096);
  #length = 0;

  get bytes(): Buffer {
    return this.#all.subarray(0, this.#length);
  }

  /** A number below 2 ** 53. */
  put(value: number): void {
    if (this.#length + 8 > this.#all.length) this.#all = Buffer.concat([this.#all, this.#all]);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#all[this.#length++] = (rest % 128) | 128;
    this.#all[this.#length++] = rest;
  }
}
