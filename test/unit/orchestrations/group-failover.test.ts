import { expect, test } from "vitest";
import { groupId, operationId } from "../../../engine/core/ids.ts";
import { groupFailover } from "../../../orchestrations/group-failover.ts";
import { Driver } from "./driver.ts";

const JOB = {
  group: groupId("00000000-0000-8000-8000-0000000000aa"),
  operation: operationId("00000000-0000-8000-8000-0000000000bb"),
};
const parts = (failed: readonly number[]) => ({
  beginGroupFailover: (_: unknown, nth: number) => ({
    failed: failed[nth] ?? 0,
    ...(nth + 1 < failed.length && { next: (nth + 1) * 256 }),
  }),
  noteGroupBegun: () => null,
});

test("members' failovers are begun part by part, and then it is written down", () => {
  const { trace, inputs } = new Driver(parts([0, 0, 0])).play(groupFailover, JOB);
  expect(trace).toEqual([...Array.from({ length: 3 }, () => "beginGroupFailover"), "noteGroupBegun"]);
  expect(inputs.map(({ input }) => input)).toMatchObject([{ from: 0 }, { from: 256 }, { from: 512 }, JOB]);
});

test("as long as one could not begin it is not said that all have", () => {
  const { trace } = new Driver(parts([0, 1, 0])).play(groupFailover, JOB);
  expect(trace).toEqual(Array.from({ length: 3 }, () => "beginGroupFailover"));
});
