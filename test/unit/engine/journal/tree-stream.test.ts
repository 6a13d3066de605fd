import { hash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BLOCK, bytes } from "../../../../engine/core/units.ts";
import { blockCount, rootOf, zeroDigests } from "../../../../engine/journal/digest-tree.ts";
import { TreeStream } from "../../../../engine/journal/tree-stream.ts";

const sizes = fc.oneof(
  fc.integer({ min: 1, max: 600 * BLOCK }),
  fc.constantFrom(BLOCK, 256 * BLOCK, 257 * BLOCK, 512 * BLOCK),
);

test("a disk's digests in order give the root of its tree, wherever one stream leaves off and another goes on", () => {
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(599), { maxLength: 20 }), fc.nat(600), (size, marked, cut) => {
      const whole = bytes(size);
      const digests = zeroDigests(whole);
      const named = new Set(marked.filter((block) => block < blockCount(whole)));
      for (const block of named) digests.set(hash("sha256", `${block}`, "buffer"), block * 32);
      const last = blockCount(whole) - 1;
      let stream = new TreeStream(whole);
      for (const block of [...named, last].toSorted((a, b) => a - b)) {
        if (stream.blocks > block) continue;
        stream.zerosUpTo(block);
        stream.push(digests.subarray(block * 32, block * 32 + 32));
        if (block >= cut) stream = new TreeStream(whole, stream.blocks, stream.state);
      }
      expect(stream.root()).toBe(rootOf(whole, digests));
    }),
  );
});

test("fewer digests than blocks give no root", () => {
  const stream = new TreeStream(bytes(2 * BLOCK));
  stream.zerosUpTo(1);
  expect(() => stream.root()).toThrow("1 digests of a disk of 131072 bytes");
});
