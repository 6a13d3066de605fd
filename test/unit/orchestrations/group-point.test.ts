import { expect, test } from "vitest";
import { groupId } from "../../../engine/core/ids.ts";
import { groupPoint } from "../../../orchestrations/group-point.ts";
import { Driver } from "./driver.ts";
import { POINT, failing } from "./fixture.ts";

const INPUT = {
  group: groupId("00000000-0000-8000-8000-0000000000aa"),
  barrier: POINT,
  consistency: "crash" as const,
};
const asked = { askGroup: () => ({ asked: 2 }), endGroupRound: () => null };

test("all members are asked once, and the group has a point when each has", () => {
  const script = {
    ...asked,
    observeGroup: (_: unknown, nth: number) =>
      nth < 2
        ? { state: "waiting" as const, ready: 1 }
        : { state: "made" as const, consistency: "application" as const },
  };
  const { trace, output, inputs } = new Driver(script).play(groupPoint, INPUT);
  expect(trace.filter((step) => !step.startsWith("sleep"))).toEqual([
    "askGroup",
    "observeGroup",
    "observeGroup",
    "observeGroup",
    "endGroupRound",
  ]);
  expect(output).toEqual({ consistency: "application" });
  // Members that were seen to be ready are not looked at again.
  const looks = inputs.filter(({ name }) => name === "observeGroup").map(({ input }) => input);
  expect(looks).toMatchObject([{ from: 0 }, { from: 1 }, { from: 1 }]);
  expect(inputs.at(-1)?.input).toMatchObject({ end: { consistency: "application" } });
});

test.each([
  ["a member missed it", () => ({ state: "failed" as const, why: "a: late" }), "a: late"],
  ["a member's point is bad", () => failing("PointBad"), "told so"],
])("the barrier is given up when %s, and why is written down", (_, observeGroup, why) => {
  const { inputs, output } = new Driver({ ...asked, observeGroup }).play(groupPoint, INPUT);
  expect(inputs.at(-1)).toMatchObject({ name: "endGroupRound", input: { barrier: POINT, end: { why } } });
  expect(output).toEqual({ why });
});

test("a barrier that cannot be asked for any more is given up, and why is written down", () => {
  const { trace, inputs } = new Driver({ ...asked, askGroup: () => failing("NotFound") }).play(
    groupPoint,
    INPUT,
  );
  expect(trace).toEqual(["askGroup", "endGroupRound"]);
  expect(inputs.at(-1)?.input).toMatchObject({ barrier: POINT, end: { why: "told so" } });
});

test("a barrier that becomes no point is given up in the end", () => {
  const script = { ...asked, observeGroup: () => ({ state: "waiting" as const, ready: 1 }) };
  const { output, trace } = new Driver(script).play(groupPoint, INPUT);
  expect(output).toEqual({ why: "it became no recovery point of every member" });
  expect(trace.length).toBeLessThan(300);
});

test("what another run has ended is left alone, and a group without a protected member too", () => {
  const ended = { ...asked, observeGroup: () => ({ state: "ended" as const }) };
  expect(new Driver(ended).play(groupPoint, INPUT).trace.at(-1)).toBe("observeGroup");
  const none = { ...asked, askGroup: () => ({ asked: 0 }) };
  expect(new Driver(none).play(groupPoint, INPUT).trace).toEqual(["askGroup"]);
});
