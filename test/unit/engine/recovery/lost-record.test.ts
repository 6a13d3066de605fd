import { expect, test } from "vitest";
import { generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import {
  type LostRecord,
  isComplete,
  lossesDue,
  nothingRead,
} from "../../../../engine/recovery/lost-record.ts";
import { NOW, ago, failedOver } from "./fixture.ts";

const item = failedOver();
const read = (until: number, more: Partial<LostRecord> = {}): LostRecord => ({
  ...nothingRead(item),
  checkedAt: ago(10),
  until: { generation: generation(1), next: ordinal(9), sequence: sequence(until) },
  ...more,
});
const handover = (captured: number, cached: number) => ({
  generation: generation(1),
  captured: sequence(captured),
  capturedTime: ago(30),
  cached: sequence(cached),
  at: ago(5),
});

test("the ledger is complete only when the old agent handed all over and all of it was read", () => {
  expect(isComplete(read(100))).toBe(false);
  expect(isComplete(read(100, { handover: handover(100, 90) }))).toBe(false);
  expect(isComplete(read(99, { handover: handover(100, 100) }))).toBe(false);
  expect(isComplete(read(100, { handover: handover(100, 100) }))).toBe(true);
  const problem = { code: "StorageUnavailable", message: "gone", since: ago(60) };
  expect(isComplete(read(100, { handover: handover(100, 100), problem }))).toBe(false);
});

test("the old side is looked at each minute at first, then less often, and no more once all is known", () => {
  expect(lossesDue(NOW, item, undefined)).toBe(true);
  expect(lossesDue(NOW, item, read(100))).toBe(false);
  expect(lossesDue(NOW, item, read(100, { checkedAt: ago(61) }))).toBe(true);
  const dayAfter = micros(NOW + 90_000_000_000);
  const lately = micros(dayAfter - 61_000_000);
  expect(lossesDue(dayAfter, item, read(100, { checkedAt: lately }))).toBe(false);
  expect(lossesDue(dayAfter, item, read(100, { handover: handover(100, 100) }))).toBe(false);
  expect(lossesDue(NOW, { ...item, state: "Protected" }, undefined)).toBe(false);
});
