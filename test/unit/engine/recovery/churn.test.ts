import { expect, test } from "vitest";
import { MIB, bytes } from "../../../../engine/core/units.ts";
import { carriedOf, sealBytesOf } from "../../../../engine/recovery/churn.ts";
import { DEFAULT_POLICY, recoveryPolicy } from "../../../../engine/recovery/policy.ts";

test("a machine that writes much has larger segments and objects, and more of them at a time", () => {
  const high = recoveryPolicy.parse({ churn: "High" });
  expect([sealBytesOf(DEFAULT_POLICY), sealBytesOf(high)]).toEqual([8 * MIB, 32 * MIB]);
  const [normal, more] = [carriedOf(DEFAULT_POLICY), carriedOf(high)];
  expect(more.objectBytes).toBeGreaterThan(normal.objectBytes);
  expect(more.maxBytes).toBeGreaterThan(normal.maxBytes);
  expect(more.parallel).toBeGreaterThan(normal.parallel);
});

test("a size that the policy names holds where it is larger", () => {
  expect(sealBytesOf({ churn: "High", sealBytes: bytes(48 * MIB) })).toBe(48 * MIB);
  expect(sealBytesOf({ churn: "Normal", sealBytes: bytes(MIB) })).toBe(MIB);
});
