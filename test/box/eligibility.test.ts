import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/* A machine is judged before it is protected, and again while it is. The tests build on each other. */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const results = z.object({
  properties: z.object({
    errors: z.array(z.unknown()),
    leeward: z.object({
      eligible: z.boolean(),
      targetRegion: z.string(),
      warnings: z.array(z.object({ code: z.string(), recommendedAction: z.string() })),
    }),
  }),
});

test("whether a machine can be protected is told in ASR's shape, before anything is made", async () => {
  const vm = box.box.plan.sourceVm.id;
  const at = `${vm}/providers/Microsoft.RecoveryServices/replicationEligibilityResults`;
  const group = encodeURIComponent(
    `/subscriptions/${box.box.plan.subscription}/resourceGroups/Shop-Recovery`,
  );
  const found = await box.call("GET", `${at}/default?api-version=2025-08-01&leewardResourceGroup=${group}`);
  expect(found.status).toBe(200);
  const { errors, leeward } = results.parse(found.body).properties;
  expect(errors).toEqual([]);
  expect(leeward).toMatchObject({ eligible: true, targetRegion: "northeurope" });
  const codes = leeward.warnings.map(({ code }) => code);
  expect(codes).toContain("IdentityChanges");
  expect(codes).not.toContain("Unreadable");
  const listed = await box.call("GET", at);
  expect(listed.body).toMatchObject({ value: [{ name: "default" }] });
  const gone = await box.call(
    "GET",
    `${vm}-gone/providers/Microsoft.RecoveryServices/replicationEligibilityResults/default`,
  );
  expect(errorOf(gone)).toMatchObject({ status: 404, code: "NotFound" });
  const wrong = await box.call("GET", `${at}/default?api-version=2025-08-01&leewardResourceGroup=x`);
  expect(errorOf(wrong)).toMatchObject({
    status: 400,
    message: expect.stringContaining("leewardResourceGroup"),
  });
  expect(await box.names(`${box.vault}/replicationProtectedItems`)).toEqual([]);
});

test("whether it would still come up in the target is looked at by itself, and told with the item", async () => {
  const seen = z.object({
    properties: z.looseObject({
      failoverHealth: z.string(),
      leeward: z.looseObject({ readiness: z.looseObject({ checkedTime: z.string() }).nullable() }),
    }),
  });
  await box.protect("Ledger", { sealAge: 1000, heartbeatEvery: 500, replica: "none" });
  const look = async () => {
    const { properties } = seen.parse((await box.call("GET", box.item("Ledger"))).body);
    return properties.leeward.readiness ? properties : undefined;
  };
  const { failoverHealth, leeward } = await waitFor("the first look", look, 120_000);
  expect(failoverHealth).toBe("Normal");
  expect(leeward.readiness).toMatchObject({ problem: null });
});
