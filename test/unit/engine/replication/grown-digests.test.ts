import { expect, test } from "vitest";
import { BLOCK, GIB, type Bytes, bytes, diskIndex } from "../../../../engine/core/units.ts";
import { BlockSpace, type Sheet, zerosOf } from "../../../../engine/replication/block-space.ts";
import { GrownDigests, cutBlocks } from "../../../../engine/replication/grown-digests.ts";

const index = diskIndex(0);

/** What is handed on of a disk of the old size, of which each block has a digest of its own, for the new size. */
async function handedOn(old: Bytes, size: Bytes) {
  const found: { sheet: Sheet; digests: Uint8Array }[] = [];
  const put = async (sheet: Sheet, digests: Uint8Array) => void found.push({ sheet, digests });
  const sink = new GrownDigests([{ index, size }], { put });
  for (const sheet of new BlockSpace([{ index, size: old }]).sheets)
    await sink.put(sheet, new Uint8Array((sheet.end - sheet.first) * 32).fill(7));
  return found;
}

const known = ({ sheet, digests }: { sheet: Sheet; digests: Uint8Array }) => {
  const zeros = Buffer.from(zerosOf(sheet));
  let count = 0;
  for (let n = 0; n * 32 < digests.length; n++) {
    const own = Buffer.from(digests.subarray(n * 32, n * 32 + 32));
    if (own.equals(Buffer.alloc(32, 7))) count++;
    else expect(own.equals(zeros.subarray(n * 32, n * 32 + 32))).toBe(true);
  }
  return count;
};

test("a disk that has grown holds what it held, and zeros behind it, whatever the sheets are", async () => {
  const size = bytes(129 * GIB);
  for (const old of [bytes(3 * BLOCK), bytes(3 * BLOCK + 512), bytes(64 * GIB), bytes(64 * GIB + 512)]) {
    const found = await handedOn(old, size);
    expect(found.map(({ sheet }) => [sheet.nth, sheet.first, sheet.end])).toEqual(
      new BlockSpace([{ index, size }]).sheets.map(({ nth, first, end }) => [nth, first, end]),
    );
    const [first] = found;
    if (old < GIB && first) {
      expect(known({ sheet: first.sheet, digests: first.digests.subarray(0, 320) })).toBe(3);
      const cut = cutBlocks([{ index, size }], [{ index, size: old }]).get(index);
      expect([...(cut ?? [])]).toEqual(old % BLOCK ? [{ start: 3, end: 4 }] : []);
    }
  }
});

test("a disk that has not is handed on as it is", async () => {
  const found = await handedOn(bytes(GIB), bytes(GIB));
  expect(found).toHaveLength(1);
  expect(found[0]?.digests.every((byte) => byte === 7)).toBe(true);
});
