import { expect, test } from "vitest";
import { enableProtectionRequest } from "../../../engine/contract/enable-protection.ts";
import { armId } from "../../../engine/core/ids.ts";
import { wishOf } from "../../../functions/wish.ts";

const ACCOUNT = armId("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/mine");

const wished = (leeward: object, details: object = {}) =>
  wishOf(
    { agentRollout: "script" },
    armId("/subscriptions/s/resourceGroups/g/providers/x/y/items/i"),
    enableProtectionRequest.parse({
      properties: {
        providerSpecificDetails: {
          instanceType: "A2A",
          fabricObjectId: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
          recoveryResourceGroupId: "/subscriptions/s/resourceGroups/t",
          ...details,
        },
        leeward,
      },
    }),
  );

test("the kinds of the accounts that are made can be chosen", () => {
  const target = { cacheAccountSku: "Premium_ZRS", replicaAccountSku: "Standard_ZRS" };
  expect(wished({ policy: { replica: "warm" }, target }).request).toMatchObject({
    cacheSku: "Premium_ZRS",
    replicaSku: "Standard_ZRS",
  });
});

test("a kind is refused by its field where no account is made, and where Azure or Leeward has none of it", () => {
  const field = (name: string) => new RegExp(`properties.leeward.target.${name}`);
  const disks = [{ diskId: ACCOUNT, primaryStagingAzureStorageAccountId: ACCOUNT }];
  expect(() => wished({ target: { cacheAccountSku: "Standard_ZRS" } }, { vmManagedDisks: disks })).toThrow(
    field("cacheAccountSku"),
  );
  expect(() => wished({ target: { replicaAccount: ACCOUNT, replicaAccountSku: "Standard_ZRS" } })).toThrow(
    field("replicaAccountSku"),
  );
  expect(() =>
    wished({ policy: { replica: "none" }, target: { replicaAccountSku: "Standard_ZRS" } }),
  ).toThrow(field("replicaAccountSku"));
  expect(() => wished({ target: { replicaAccountSku: "Premium_LRS" } })).toThrow(field("replicaAccountSku"));
  expect(() => wished({ target: { cacheAccountSku: "Standard_GRS" } })).toThrow(field("cacheAccountSku"));
});
