import { expect, test } from "vitest";
import { MIB } from "../../../../engine/core/units.ts";
import { DEFAULT_POLICY, recoveryPolicy } from "../../../../engine/recovery/policy.ts";

test("everything may be left out", () => {
  expect(recoveryPolicy.parse({})).toEqual(DEFAULT_POLICY);
  expect(DEFAULT_POLICY).toMatchObject({ sealBytes: 8 * MIB, sealAge: 5000, replica: "warm" });
});

test.each([
  ["sealBytes", 0],
  ["sealBytes", 65 * MIB],
  ["sealAge", 10],
  ["heartbeatEvery", 0],
  ["pointInterval", 999],
  ["pointInterval", 1500.5],
  ["checkpointInterval", "900"],
  ["replica", "hot"],
  ["sealbytes", 1],
])("%s: %s is refused by name", (field, value) => {
  const found = recoveryPolicy.safeParse({ [field]: value });
  expect(found.success).toBe(false);
  expect(JSON.stringify(found.error?.issues)).toContain(field);
});
