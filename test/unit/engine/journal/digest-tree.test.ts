import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BLOCK, GIB, KIB, bytes } from "../../../../engine/core/units.ts";
import {
  DigestTree,
  ZERO_BLOCK,
  blockCount,
  rootOf,
  zeroDigests,
} from "../../../../engine/journal/digest-tree.ts";

const sha = (...parts: (string | Uint8Array)[]) => {
  const running = createHash("sha256");
  for (const part of parts) running.update(part);
  return running.digest();
};
const blocks = (count: number) => bytes(count * BLOCK);
const leaf = (seed: number) => sha(`block ${seed}`);

test("a tree changed in any blocks has the root of one built anew", () => {
  const changes = fc.array(fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 6 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70_000 }), changes, (count, rounds) => {
      const size = blocks(count);
      const tree = new DigestTree(size, zeroDigests(size));
      const leaves = Buffer.from(zeroDigests(size));
      for (const round of rounds) {
        for (const [place, seed] of round) {
          const block = place % count;
          tree.set(block, leaf(seed));
          leaves.set(leaf(seed), block * 32);
        }
        expect(tree.root()).toBe(rootOf(size, leaves));
      }
    }),
    { numRuns: 30 },
  );
});

test("the root is what the format says it is", () => {
  const size = blocks(257);
  const leaves = Buffer.concat(Array.from({ length: 257 }, (_, i) => leaf(i)));
  const top = sha(sha(leaves.subarray(0, 256 * 32)), sha(leaves.subarray(256 * 32)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(size));
  expect(rootOf(size, leaves)).toBe(sha("leeward digest tree 1", length, top).toString("hex"));
});

test("a disk of one block has that block's digest at its top", () => {
  const length = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  expect(rootOf(bytes(1), leaf(5))).toBe(sha("leeward digest tree 1", length, leaf(5)).toString("hex"));
});

test("any change of a block, of the order or of the size changes the root", () => {
  const leaves = Buffer.concat([leaf(1), leaf(2), leaf(3)]);
  const swapped = Buffer.concat([leaf(2), leaf(1), leaf(3)]);
  const roots = new Set([
    rootOf(blocks(3), leaves),
    rootOf(blocks(3), swapped),
    rootOf(bytes(3 * BLOCK - 512), leaves),
    rootOf(blocks(3), Buffer.concat([leaf(1), leaf(2), leaf(4)])),
    rootOf(blocks(4), Buffer.concat([leaves, leaf(4)])),
  ]);
  expect(roots.size).toBe(5);
});

test("the digests of zeros are those of zeros, the short last block too", () => {
  const size = bytes(2 * BLOCK + 4 * KIB);
  expect(blockCount(size)).toBe(3);
  const digests = Buffer.from(zeroDigests(size));
  expect(digests.subarray(0, 32).toString("hex")).toBe(ZERO_BLOCK);
  expect(digests.subarray(32, 64)).toEqual(sha(Buffer.alloc(BLOCK)));
  expect(digests.subarray(64)).toEqual(sha(Buffer.alloc(4 * KIB)));
});

test("a root does not hang on when it is asked for", () => {
  const size = bytes(GIB);
  const tree = new DigestTree(size, zeroDigests(size));
  const before = tree.root();
  expect(tree.root()).toBe(before);
  tree.set(16_383, leaf(1));
  expect(tree.root()).not.toBe(before);
  tree.set(16_383, Buffer.from(ZERO_BLOCK, "hex"));
  expect(tree.root()).toBe(before);
});

test("a tree keeps digests of its own", () => {
  const leaves = Buffer.concat([leaf(1), leaf(2)]);
  const tree = new DigestTree(blocks(2), leaves);
  const before = tree.root();
  leaves.fill(0);
  tree.set(0, leaf(1));
  expect(tree.root()).toBe(before);
  expect(leaves.every((byte) => byte === 0)).toBe(true);
});

test.each([
  ["too few digests", () => rootOf(blocks(2), leaf(1))],
  ["too many digests", () => rootOf(blocks(1), Buffer.concat([leaf(1), leaf(2)]))],
  ["a disk of nothing", () => rootOf(bytes(0), Buffer.alloc(0))],
  ["a block behind the end", () => new DigestTree(blocks(1), leaf(1)).set(1, leaf(2))],
  ["half a digest", () => new DigestTree(blocks(1), leaf(1)).set(0, leaf(2).subarray(16))],
])("%s is refused", (_, attempt) => {
  expect(attempt).toThrow(RangeError);
});
