import { expect, test } from "vitest";
import { recoveryPoint } from "../../../orchestrations/recovery-point.ts";
import { Driver } from "./driver.ts";
import { MACHINE, POINT } from "./fixture.ts";

const INPUT = { machine: MACHINE, barrier: POINT };

test("a barrier is asked for once, and waited for until it is a point", () => {
  const script = {
    requestBarrier: () => null,
    observePoint: (_: unknown, nth: number) => ({ exists: nth > 1 }),
  };
  const { trace, output } = new Driver(script).play(recoveryPoint, INPUT);
  expect(trace).toEqual([
    "requestBarrier",
    "sleep 1000",
    "observePoint",
    "sleep 1500",
    "observePoint",
    "sleep 2250",
    "observePoint",
  ]);
  expect(output).toEqual({ point: POINT });
});

test("a barrier that becomes no point is withdrawn, so that the next one can be asked for", () => {
  const script = {
    requestBarrier: () => null,
    observePoint: () => ({ exists: false }),
    withdrawBarrier: () => null,
  };
  const { trace, error } = new Driver(script).play(recoveryPoint, INPUT);
  expect(trace.at(-1)).toBe("withdrawBarrier");
  expect(trace.length).toBeLessThan(200);
  expect(error?.message).toContain("[TimedOut]");
});

test("a barrier that the agent refuses is withdrawn, and why is told", () => {
  const script = {
    requestBarrier: () => null,
    observePoint: () => ({ exists: false, refused: "the agent has no freeze commands" }),
    withdrawBarrier: () => null,
  };
  const { trace, output, inputs } = new Driver(script).play(recoveryPoint, {
    ...INPUT,
    consistency: "application",
  });
  expect(trace).toEqual(["requestBarrier", "sleep 1000", "observePoint", "withdrawBarrier"]);
  expect(inputs[0]?.input).toEqual({ machine: MACHINE, barrier: POINT, consistency: "application" });
  expect(output).toEqual({ refused: "the agent has no freeze commands" });
});
