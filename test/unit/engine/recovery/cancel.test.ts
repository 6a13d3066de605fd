import { expect, test } from "vitest";
import { armId, barrierId } from "../../../../engine/core/ids.ts";
import { generation } from "../../../../engine/core/units.ts";
import { beginFailover } from "../../../../engine/recovery/begin.ts";
import { beginCancel, builtBy, cancelled } from "../../../../engine/recovery/cancel.ts";
import type { ItemRecord } from "../../../../engine/recovery/item.ts";
import { NOW, POINT, SOURCE, VM, ago, built, failedOver, item, protectedItem } from "./fixture.ts";

const OTHER = barrierId("10000000-0000-4000-8000-0000000000bb");
const TOKEN = "a-client's-own-id";

const failed = (): ItemRecord => ({ ...failedOver(), state: "FailoverFailed" });
test("a failover that failed, or waits for its commit, can be taken back", () => {
  for (const old of [failed(), failedOver(), { ...failed(), state: "CancelFailed" as const }]) {
    const begun = beginCancel(old, { now: NOW });
    expect(begun).toMatchObject({ state: "Cancelling", job: { kind: "cancelFailover", ended: false } });
    // Whoever is fenced stays so until nothing is left of what was built.
    expect(begun.generation).toBe(old.generation);
    expect(begun.failover).toEqual(old.failover);
  }
});

test("nothing else can be", () => {
  expect(() => beginCancel(protectedItem(), { now: NOW })).toThrow("CancelFailover is not possible");
  const building = beginFailover(protectedItem(), { now: NOW });
  expect(() => beginCancel(building, { now: NOW })).toThrow(/job .* \(failover\) is at work/);
});

test("a request that is sent again changes nothing", () => {
  const begun = beginCancel(failed(), { now: ago(9), token: TOKEN });
  expect(beginCancel(begun, { now: NOW, token: TOKEN })).toBe(begun);
  expect(() => beginCancel(begun, { now: NOW, token: "another" })).toThrow("is at work");
});

test("behind it the source is protected in a new generation, which compares everything", () => {
  const over = failedOver();
  const back = cancelled(beginCancel(over, { now: ago(9) }), NOW);
  expect(back.state).toBe("Protected");
  expect(back.generation).toBe(over.generation + 1);
  // The next agent to register gets exactly this number.
  expect(back.unissued).toBe(back.generation);
  expect(back.resync).toEqual({ reason: "cancel", requestedAt: NOW });
  expect(back).not.toHaveProperty("failover");
});

test("a failover that follows chooses its point anew, and is fenced off from the one that was taken back", () => {
  const back = cancelled(beginCancel(failedOver(), { now: ago(9) }), NOW);
  const next = beginFailover({ ...back, job: { ...back.job, ended: true } }, { now: NOW });
  expect(next.generation).toBe(generation(back.generation + 1));
  expect(next.failover).toBeUndefined();
});

test("the disks of every try are among what it built, and only the interfaces that it made", () => {
  const base = built();
  const { failover } = base;
  if (!failover) throw new Error("the fixture was failed over");
  const nic = { name: "nic-b", id: armId(`${VM}-nic`), addresses: [] };
  const parts = builtBy({ ...base, failover: { ...failover, tried: [OTHER], nics: [nic] } });
  expect(parts.map(({ part }) => part.kind)).toEqual([
    "vm",
    "nic",
    ...Array.from({ length: 2 * SOURCE.disks.length }, () => "disk"),
    ...Array.from({ length: 2 * SOURCE.disks.length }, () => "blob"),
  ]);
  const points = new Set(parts.flatMap(({ part }) => part.point ?? []));
  expect(points).toEqual(new Set([POINT, OTHER]));
  expect(new Set(parts.map(({ id }) => id)).size).toBe(parts.length);
});

test("one that never chose a point built nothing", () => {
  expect(builtBy(item({ state: "FailoverFailed" }))).toEqual([]);
});
