import { randomBytes } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { KIB, MIB } from "../../../../engine/core/units.ts";
import { deflated } from "../../../../engine/journal/deflate.ts";

/** Content of which `dense` bytes do not shrink at the beginning of each `period`, moved on by `phase`. */
function repeating(length: number, period: number, dense: number, phase = 0): Buffer {
  const body = Buffer.alloc(length, "text that shrinks well; ");
  for (let at = phase; at < length; at += period) randomBytes(Math.min(dense, length - at)).copy(body, at);
  return body;
}

test.each([
  ["16 MiB, each 512 KiB", 16 * MIB, 512 * KIB, 0],
  ["8 MiB, each 256 KiB", 8 * MIB, 256 * KIB, 0],
  ["8 MiB, each 64 KiB", 8 * MIB, 64 * KIB, 0],
  ["with a header before it", 8 * MIB + 333, 256 * KIB, 333],
])("a body that is dense only at regular places is compressed: %s", async (_, length, period, phase) => {
  const { stored, compressed } = await deflated(repeating(length, period, 16 * KIB, phase));
  expect(compressed).toBe(true);
  expect(stored.length).toBeLessThan(length / 2);
});

test("a large body that does not shrink is stored as it is, without the attempt", async () => {
  const body = randomBytes(4 * MIB);
  const { stored, compressed } = await deflated(body);
  expect(compressed).toBe(false);
  expect(stored).toBe(body);
});

test.each([64, 4 * KIB, 3 * MIB])(
  "a body of %i bytes is stored as one frame that names its length",
  async (length) => {
    const body = repeating(length, 2 * length, 16);
    const { stored, compressed } = await deflated(body);
    expect(compressed).toBe(true);
    // RFC 8878, 3.1.1.1: the descriptor behind the magic, whose bits 5 to 7 are zero where no length is named.
    expect((stored[4] ?? 0) & 0xe0).not.toBe(0);
    expect(zstdDecompressSync(stored).equals(body)).toBe(true);
    // What an end in two calls would add.
    expect(stored.indexOf(ZSTD_MAGIC, 4)).toBe(-1);
  },
);

const ZSTD_MAGIC = Buffer.from("28b52ffd", "hex");
