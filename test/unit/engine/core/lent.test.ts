import { expect, test } from "vitest";
import { giveBack, lend } from "../../../../engine/core/lent.ts";
import { KIB, MIB } from "../../../../engine/core/units.ts";

test("what was given back is lent again, to whoever needs about as much", () => {
  const first = lend(5 * MIB);
  const memory = first.buffer;
  giveBack(first);
  expect(lend(100 * KIB).buffer).not.toBe(memory);
  expect(lend(2 * MIB).buffer).not.toBe(memory);
  const again = lend(4 * MIB + 7);
  expect(again.buffer).toBe(memory);
  expect(again).toHaveLength(4 * MIB + 7);
});

test("what is in use is lent to nobody else, however often it is given back afterwards", () => {
  const first = lend(3 * MIB);
  giveBack(first);
  giveBack(first);
  const [a, b] = [lend(3 * MIB), lend(3 * MIB)];
  expect(a.buffer).toBe(first.buffer);
  expect(b.buffer).not.toBe(a.buffer);
});

test("a part of what was lent, and what was never lent, stays as it is", () => {
  const whole = lend(7 * MIB);
  giveBack(whole.subarray(0, 6 * MIB));
  giveBack(whole.subarray(MIB));
  giveBack(Buffer.alloc(7 * MIB));
  giveBack(new Uint8Array(new SharedArrayBuffer(7 * MIB)));
  expect(lend(7 * MIB).buffer).not.toBe(whole.buffer);
});

test("what is kept for the next is bounded", () => {
  const all = Array.from({ length: 30 }, () => lend(10 * MIB));
  const before = new Set(all.map(({ buffer }) => buffer));
  all.forEach(giveBack);
  const again = Array.from({ length: 30 }, () => lend(10 * MIB));
  expect(again.filter(({ buffer }) => before.has(buffer))).toHaveLength(19);
});
