import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { armId } from "../../../../engine/core/ids.ts";
import { beginEnable, beginFailover, jobOf } from "../../../../engine/recovery/begin.ts";
import type { ItemRecord } from "../../../../engine/recovery/item.ts";
import { recoveryPolicy } from "../../../../engine/recovery/policy.ts";
import { ITEM, NOW, POINT, VM, WISH, item, protectedItem } from "./fixture.ts";

const asked = { now: NOW, token: "request-1" };

/** The code that the call throws with. */
function refusal(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error instanceof LeewardError ? error.code : error;
  }
}

test("a wish that is sent again, with the same id or while its job is at work, changes nothing", () => {
  const first = beginEnable(undefined, WISH, asked);
  expect(beginEnable(first, WISH, asked)).toBe(first);
  expect(beginEnable(first, WISH, { now: NOW, token: "request-2" })).toBe(first);
  expect(first).toMatchObject({
    state: "Enabling",
    generation: 1,
    id: ITEM,
    job: { kind: "enable", ended: false },
  });
});

test("the same request has the same operation in every process, another request another one", () => {
  const one = beginEnable(undefined, WISH, asked);
  expect(
    beginEnable(
      undefined,
      { ...WISH, id: armId(ITEM.toUpperCase().replace("/SUBSCRIPTIONS", "/subscriptions")) },
      asked,
    ).job.operation,
  ).toBe(one.job.operation);
  expect(beginEnable(undefined, WISH, { now: NOW, token: "request-2" }).job.operation).not.toBe(
    one.job.operation,
  );
});

test("an enablement that failed may be asked for again, with other settings", () => {
  const failed = item({
    state: "EnableFailed",
    failure: { code: "ArmFailed", message: "no", step: "check" },
  });
  const again = beginEnable(
    failed,
    { ...WISH, policy: recoveryPolicy.parse({ replica: "none" }) },
    { now: NOW },
  );
  expect(again).toMatchObject({ state: "Enabling", policy: { replica: "none" }, job: { ended: false } });
  expect(again.failure).toBeUndefined();
  expect(again.job.operation).not.toBe(failed.job.operation);
});

test("a protected item takes the same wish, and no other", () => {
  const known = protectedItem();
  expect(beginEnable(known, WISH, asked)).toBe(known);
  expect(refusal(() => beginEnable(known, { ...WISH, vmId: armId(`${VM}2`) }, asked))).toBe("Conflict");
  const hotter = { ...WISH, policy: recoveryPolicy.parse({ pointInterval: 5000 }) };
  expect(refusal(() => beginEnable(known, hotter, asked))).toBe("Conflict");
});

test("two ids whose digits collide are told apart", () => {
  expect(refusal(() => beginEnable(protectedItem({ id: armId(`${ITEM}2`) }), WISH, asked))).toBe("Conflict");
});

test("a failover fences the old generation by the very write that begins it", () => {
  const known = protectedItem();
  const begun = beginFailover(known, { ...asked, point: POINT });
  expect(begun).toMatchObject({ state: "FailingOver", generation: known.generation + 1 });
  expect(jobOf(begun)).toMatchObject({
    kind: "failover",
    point: POINT,
    state: "InProgress",
    machine: known.machine,
  });
});

test("a failover that is sent again starts nothing, even after it has ended", () => {
  const begun = beginFailover(protectedItem(), asked);
  expect(beginFailover(begun, asked)).toBe(begun);
  const over: ItemRecord = {
    ...begun,
    state: "UnplannedFailoverCommitPending",
    job: { ...begun.job, ended: true },
  };
  expect(beginFailover(over, asked)).toBe(over);
});

test("a failover waits for the job at work, and for a state that allows it", () => {
  expect(refusal(() => beginFailover(item(), { now: NOW }))).toBe("Conflict");
  expect(refusal(() => beginFailover(beginFailover(protectedItem(), asked), { now: NOW }))).toBe("Conflict");
  expect(refusal(() => beginFailover(protectedItem({ state: "EnableFailed" }), asked))).toBe(
    "StateNotAllowed",
  );
});

test("a failover that failed may be tried again, as another job", () => {
  const failed = protectedItem({ state: "FailoverFailed" });
  const again = beginFailover(failed, { now: NOW });
  expect(again.state).toBe("FailingOver");
  expect(again.job.operation).not.toBe(failed.job.operation);
  expect(beginFailover(failed, { now: NOW }).job.operation).toBe(again.job.operation);
});
