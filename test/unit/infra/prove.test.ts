import { expect, test } from "vitest";
import type { ArmClient } from "../../../engine/azure/arm.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { PROOFS, pinnedTypes } from "../../../infra/prove/proofs.ts";
import { type Proving, proveAll } from "../../../infra/prove/proving.ts";
import { wishOf } from "../../../infra/prove/wish.ts";

const ID = "00000000-0000-4000-8000-000000000001";
const asked = { subscription: ID, region: "westeurope" };

test.each([
  ["without a confirmation", asked],
  ["with another one", { ...asked, confirm: "yes" }],
  ["with that of another subscription", { ...asked, confirm: ID.replace("1", "2") }],
])("nothing is done %s, and it says what would be", (_, values) => {
  expect(wishOf(values)).toMatch(/makes a resource group leeward-proof-.*--confirm 0000/s);
});

test("nothing is done without a subscription or with a region's display name", () => {
  expect(wishOf({ region: "westeurope", confirm: ID })).toMatch(/subscription/);
  expect(wishOf({ ...asked, region: "West Europe", confirm: ID })).toMatch(/region/);
});

test("confirmed by the subscription's id, it is done there", () => {
  expect(wishOf({ ...asked, confirm: ID, endpoint: "https://a.example/" })).toEqual({
    ...asked,
    cloud: "public",
    endpoint: "https://a.example",
  });
});

function proving(arm: object): Proving {
  const client: ArmClient = Object.assign(Object.create(null), arm);
  const credential = { getToken: async () => null };
  return { arm: client, clock: systemClock, credential, ...asked, run: "0123abcd" };
}
const versions = PROOFS.filter(({ name }) => name.includes("version"));

test("a version that Azure serves no more is named", async () => {
  const served = (without: string) => ({
    find: async () => undefined,
    put: async () => ({ status: 201, body: {} }),
    delete: async () => ({ status: 200, body: undefined }),
    get: async (path: string) => ({
      status: 200,
      body: {
        resourceTypes: pinnedTypes()
          .filter(([namespace, type]) => path.endsWith(`/${namespace}`) && type !== without)
          .map(([, resourceType, version]) => ({ resourceType, apiVersions: [version, "2099-01-01"] })),
      },
    }),
  });
  expect(await proveAll(proving(served("none")), versions)).toMatchObject([{ held: true }, { held: true }]);
  expect(await proveAll(proving(served("disks")), versions)).toMatchObject([
    { held: false, seen: expect.stringContaining("Microsoft.Compute/disks@") },
    { held: true },
  ]);
});

test("a group that is there already is left alone", async () => {
  const calls: string[] = [];
  const arm = {
    find: async () => ({ id: "x" }),
    put: async () => calls.push("PUT"),
    delete: async () => calls.push("DELETE"),
  };
  await expect(proveAll(proving(arm), PROOFS)).rejects.toThrow(/is there already/);
  expect(calls).toEqual([]);
});
