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
    else if (!own.equals(zeros.subarray(n * 32, n * 32 + 32))) throw new Error(`block ${n} is neither`);
  }
  return count;
};

const size = bytes(129 * GIB);
const sizes = [bytes(3 * BLOCK), bytes(3 * BLOCK + 512), bytes(64 * GIB), bytes(64 * GIB + 512)];

test.each(sizes)("a disk of %d bytes that has grown has all sheets of its new size", async (old) => {
  const found = await handedOn(old, size);
  expect(found.map(({ sheet }) => [sheet.nth, sheet.first, sheet.end])).toEqual(
    new BlockSpace([{ index, size }]).sheets.map(({ nth, first, end }) => [nth, first, end]),
  );
});

test.each([3 * BLOCK, 3 * BLOCK + 512])(
  "one of %d bytes holds what it held, and zeros behind it",
  async (old) => {
    const [first] = await handedOn(bytes(old), size);
    const digests = first?.digests.subarray(0, 320) ?? new Uint8Array();
    const { sheet } = first ?? {};
    expect(sheet && known({ sheet, digests })).toBe(3);
    const cut = cutBlocks([{ index, size }], [{ index, size: bytes(old) }]).get(index);
    expect([...(cut ?? [])]).toEqual(old % BLOCK ? [{ start: 3, end: 4 }] : []);
  },
);

test("a disk that has not is handed on as it is", async () => {
  const found = await handedOn(bytes(GIB), bytes(GIB));
  expect(found).toHaveLength(1);
  expect(found[0]?.digests.every((byte) => byte === 7)).toBe(true);
});
