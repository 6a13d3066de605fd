import type { OrchestrationContext, Task } from "durable-functions";
import { expect, test } from "vitest";
import { LeewardError } from "../../../engine/core/errors.ts";
import { machineId } from "../../../engine/core/ids.ts";
import { LADDER } from "../../../engine/core/retry.ts";
import { call } from "../../../orchestrations/contract.ts";
import { Driver } from "./driver.ts";

const machine = machineId("ledger-3f9a01c2");

/** The compiler reads this; it never runs. */
export function* misspelt(context: OrchestrationContext): Generator<Task, void, never> {
  // @ts-expect-error there is no activity of this name
  yield* call(context, "shipp", { machine });
  // @ts-expect-error the machine is missing
  yield* call(context, "ship", {});
  // @ts-expect-error a machine is a checked id, not any string
  yield* call(context, "ship", { machine: "ledger" });
  // @ts-expect-error the answer has no such field
  void (yield* call(context, "ship", { machine })).segments;
}

function* counting(context: OrchestrationContext): Generator<Task, unknown, never> {
  return yield* call(context, "countPoints", { machine }, LADDER);
}

const unavailable = new LeewardError("StorageUnavailable", "no answer");

test("what may pass is tried again after 1, 2, 4, 8, 10 and 30 minutes", () => {
  const played = new Driver({ countPoints: (_, nth) => (nth < 6 ? unavailable : { points: 1 }) }).play(
    counting,
    undefined,
  );
  expect(played.trace.filter((step) => step.startsWith("sleep"))).toEqual(
    [1, 2, 4, 8, 10, 30].map((minutes) => `sleep ${minutes * 60_000}`),
  );
  expect(played.output).toEqual({ points: 1 });
});

test("the last rung's failure is the caller's, with its code", () => {
  const played = new Driver({ countPoints: () => unavailable }).play(counting, undefined);
  expect(played.error).toMatchObject({ code: "StorageUnavailable", message: "no answer" });
  expect(played.inputs).toHaveLength(7);
});

test("what does not pass by itself is not tried again", () => {
  const denied = new LeewardError("StorageDenied", "no role");
  const played = new Driver({ countPoints: () => denied }).play(counting, undefined);
  expect(played.trace).toEqual(["countPoints"]);
  expect(played.error).toMatchObject({ code: "StorageDenied" });
});
