import { expect, test } from "vitest";
import { MIB } from "../../../../engine/core/units.ts";
import { DEFAULT_POLICY, recoveryPolicy } from "../../../../engine/recovery/policy.ts";

test("everything may be left out", () => {
  expect(recoveryPolicy.parse({})).toEqual(DEFAULT_POLICY);
  expect(DEFAULT_POLICY).toMatchObject({ sealBytes: 8 * MIB, sealAge: 5000, replica: "warm" });
});

const DAY = 24 * 3_600_000;

test.each<[string, unknown]>([
  ["sealBytes", 0],
  ["sealBytes", 65 * MIB],
  ["sealAge", 10],
  ["heartbeatEvery", 0],
  ["pointInterval", 999],
  ["pointInterval", 1500.5],
  ["checkpointInterval", "900"],
  ["replica", "hot"],
  ["sealbytes", 1],
  ["retention", { window: 999 }],
  ["retention", { window: 3661 * DAY }],
  ["retention", { ladder: [] }],
  ["retention", { anyWriteWindow: -1 }],
  ["retention", { anyWriteWindow: 367 * DAY }],
  ["retention", { interval: 0 }],
  ["retention", { interval: 2 * DAY }],
  ["retention", { deleteDelay: 0 }],
  ["retention", { deleteDelay: 31 * DAY }],
  ["retention", { keep: 3 }],
])("%s: %s is refused by name", (field, value) => {
  const found = recoveryPolicy.safeParse({ [field]: value });
  expect(found.success).toBe(false);
  expect(JSON.stringify(found.error?.issues)).toContain(field);
});
