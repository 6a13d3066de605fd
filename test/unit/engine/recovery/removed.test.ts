import { expect, test } from "vitest";
import { bytes } from "../../../../engine/core/units.ts";
import { withDeleted, withLeft } from "../../../../engine/recovery/removed.ts";

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
