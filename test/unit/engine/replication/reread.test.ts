import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { READS, rereading } from "../../../../engine/replication/reread.ts";

/** Fails so many times, then answers. */
function reader(failures: number, error: Error) {
  const seen = { reads: 0 };
  const read = async () => {
    if (++seen.reads <= failures) throw error;
    return "right";
  };
  return { seen, read };
}

const damaged = new LeewardError("SegmentDamaged", "cut");

test("what was damaged on its way is right when it is read again", async () => {
  const { seen, read } = reader(READS - 1, damaged);
  expect(await rereading(read)).toBe("right");
  expect(seen.reads).toBe(READS);
});

test("what stays damaged is believed after some reads", async () => {
  const { seen, read } = reader(Infinity, damaged);
  await expect(rereading(read)).rejects.toBe(damaged);
  expect(seen.reads).toBe(READS);
});

test.each([
  new LeewardError("StorageUnavailable", "away"),
  new LeewardError("SegmentVersionUnknown", "newer"),
  new LeewardError("KeyWrong", "another's"),
  new Error("a bug"),
])("$name $code is not about the object, and is thrown at once", async (error) => {
  const { seen, read } = reader(Infinity, error);
  await expect(rereading(read)).rejects.toBe(error);
  expect(seen.reads).toBe(1);
});
