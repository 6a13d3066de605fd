import { expect, test } from "vitest";
import { bytes } from "../../../../engine/core/units.ts";
import { tryingAgain, wasRefused, withDeleted, withLeft } from "../../../../engine/recovery/removed.ts";

const disk = (n: number) => ({ type: "Microsoft.Compute/disks", name: `/subscriptions/s/disks/${n}` });

test("a resource is named once, and objects are counted together", () => {
  const some = { type: "objects", name: "machines/m/journal", count: 2, bytes: bytes(10) };
  const twice = withDeleted(withDeleted(undefined, [disk(1), some]), [disk(1), some]);
  expect(twice.deleted).toEqual([disk(1), { ...some, count: 4, bytes: 20 }]);
});

test("what stays in spite of an intention is on the other list only", () => {
  const known = withLeft(withDeleted(undefined, [disk(1), disk(2)]), { ...disk(2), why: "in use" });
  expect(known.deleted).toEqual([disk(1)]);
  expect(withLeft(known, { ...disk(2), why: "locked" }).left).toEqual([{ ...disk(2), why: "locked" }]);
});

test("of very many the first are named and the others counted", () => {
  const many = withDeleted(
    undefined,
    Array.from({ length: 1000 }, (_, n) => disk(n)),
  );
  expect(many.deleted.length + many.unnamed.deleted).toBe(1000);
  expect(JSON.stringify(many).length).toBeLessThan(100_000);
});

test("what was refused is on neither list while it is tried again", () => {
  const used = withLeft(undefined, { ...disk(1), why: "in use" });
  expect(wasRefused(used)).toBe(false);
  const known = withLeft(used, { ...disk(2), why: "409", refused: true });
  expect(wasRefused(known)).toBe(true);
  const again = tryingAgain(known, [disk(2).name.toUpperCase()]);
  expect(again).toMatchObject({ again: 1, left: [{ ...disk(1), why: "in use" }] });
  expect(withLeft(tryingAgain(again, []), { ...disk(3), why: "409" })).toMatchObject({ again: 2 });
});
