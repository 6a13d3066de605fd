import { expect, test } from "vitest";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { armId } from "../../../../engine/core/ids.ts";
import {
  beginDisable,
  beginEnable,
  beginFailover,
  beginUpgrade,
  jobOf,
} from "../../../../engine/recovery/begin.ts";
import { micros } from "../../../../engine/core/units.ts";
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

test("a client's repeat of the request that failed begins nothing", () => {
  const failedFrom = (begun: ItemRecord): ItemRecord => ({
    ...begun,
    state: "EnableFailed",
    job: { ...begun.job, ended: true },
  });
  const [once, twice, later] = [
    { now: NOW, token: "once" },
    { now: NOW, token: "twice" },
    { now: micros(NOW + 1) },
  ];
  const first = failedFrom(beginEnable(undefined, WISH, once));
  expect(beginEnable(first, WISH, { ...once, ...later })).toBe(first);
  const second = failedFrom(beginEnable(first, WISH, twice));
  expect(second.job.operation).not.toBe(first.job.operation);
  expect(beginEnable(second, WISH, { ...twice, ...later })).toBe(second);
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

const REMOVE = { purge: false, keepPoints: false };
const PURGE = { purge: true, keepPoints: false };

test("taking protection away fences the journal by the very write that begins it, and may be asked for again", () => {
  const known = protectedItem();
  const begun = beginDisable(known, REMOVE, asked);
  expect(begun).toMatchObject({
    state: "Disabling",
    generation: known.generation + 1,
    removal: { ...REMOVE, from: "Protected" },
    job: { kind: "disable", ended: false },
  });
  expect(beginDisable(begun, REMOVE, { now: NOW, token: "request-2" })).toBe(begun);
  expect(refusal(() => beginDisable(begun, PURGE, asked))).toBe("Conflict");
});

test("the job of a first copy that is given up is waited for", () => {
  const copying = item({ state: "InitialReplication" });
  expect(beginDisable(copying, REMOVE, asked).removal).toMatchObject({ after: copying.job.operation });
  expect(beginDisable(protectedItem(), REMOVE, asked).removal?.after).toBeUndefined();
});

test("a removal that failed may be purged, and is still from where it was", () => {
  const begun = beginDisable(protectedItem({ state: "EnableFailed" }), REMOVE, asked);
  const failed: ItemRecord = { ...begun, state: "DisableFailed", job: { ...begun.job, ended: true } };
  const again = beginDisable(failed, PURGE, asked);
  expect(again).toMatchObject({ state: "Disabling", removal: { purge: true, from: "EnableFailed" } });
  expect(again.job.operation).not.toBe(begun.job.operation);
});

test("what is protected in the other direction is only purged here", () => {
  const reversed = protectedItem({ state: "Reversed" });
  expect(refusal(() => beginDisable(reversed, REMOVE, asked))).toBe("StateNotAllowed");
  expect(beginDisable(reversed, PURGE, asked).state).toBe("Disabling");
});

test("no protection is taken away while a failover or an enablement is at work", () => {
  expect(refusal(() => beginDisable(item(), PURGE, asked))).toBe("Conflict");
  expect(refusal(() => beginDisable(beginFailover(protectedItem(), asked), PURGE, asked))).toBe("Conflict");
});

test("what is enabled anew is another machine with another job, though the request is repeated", () => {
  const first = beginEnable(undefined, WISH, asked);
  const second = beginEnable(undefined, WISH, { ...asked, now: micros(NOW + 1) });
  expect(second.machine).not.toBe(first.machine);
  expect(second.job.operation).not.toBe(first.job.operation);
});

test("an upgrade of the agent changes nothing else, and a failover does not wait for it", () => {
  const known = protectedItem();
  const begun = beginUpgrade(known, asked);
  expect(begun).toEqual({ ...known, job: { ...begun.job, kind: "upgradeAgent", ended: false } });
  expect(beginUpgrade(begun, asked)).toBe(begun);
  expect(refusal(() => beginUpgrade(begun, { now: NOW }))).toBe("Conflict");
  expect(beginFailover(begun, asked).state).toBe("FailingOver");
});
