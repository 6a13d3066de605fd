import { expect, test } from "vitest";
import { intentRequest } from "../../../../engine/contract/protection-intent.ts";
import { armId } from "../../../../engine/core/ids.ts";
import { enablementOf } from "../../../../functions/vault/intent-enablement.ts";

const GROUP = "/subscriptions/s/resourceGroups/g";
const id = (type: string, name: string) => `${GROUP}/providers/${type}/${name}`;
const account = (name: string) => ({
  resourceType: "Existing",
  azureStorageAccountId: id("Microsoft.Storage/storageAccounts", name),
});
const CONTAINER = armId(
  `${id("Microsoft.RecoveryServices/vaults", "v")}/replicationFabrics/f/replicationProtectionContainers/c`,
);

const enabled = (more: object) => {
  const providerSpecificDetails = {
    instanceType: "A2A",
    fabricObjectId: id("Microsoft.Compute/virtualMachines", "shop"),
    primaryLocation: "eastus",
    recoveryLocation: "westus2",
    recoverySubscriptionId: "s",
    recoveryAvailabilityType: "Single",
    recoveryResourceGroupId: GROUP,
    ...more,
  };
  const { properties } = intentRequest.parse({ properties: { providerSpecificDetails } });
  return enablementOf(properties.providerSpecificDetails, CONTAINER, undefined, undefined).properties
    .providerSpecificDetails;
};

const diskId = id("Microsoft.Compute/disks", "d");

test("what an intent says of the machine is asked of its enablement", () => {
  const asked = enabled({
    recoveryBootDiagStorageAccount: account("logs"),
    primaryStagingStorageAccountCustomInput: account("cache"),
    vmManagedDisks: [
      {
        diskId,
        recoveryResourceGroupCustomInput: { resourceType: "Existing", recoveryResourceGroupId: GROUP },
        recoveryTargetDiskAccountType: "Premium_LRS",
      },
    ],
  });
  expect(asked).toMatchObject({
    recoveryBootDiagStorageAccountId: account("logs").azureStorageAccountId,
    vmManagedDisks: [
      {
        diskId,
        primaryStagingAzureStorageAccountId: account("cache").azureStorageAccountId,
        recoveryResourceGroupId: GROUP,
        recoveryTargetDiskAccountType: "Premium_LRS",
      },
    ],
  });
});

test("a group of a disk that is not the machine's is refused", () => {
  const elsewhere = { resourceType: "Existing", recoveryResourceGroupId: `${GROUP}2` };
  expect(() =>
    enabled({ vmManagedDisks: [{ diskId, recoveryResourceGroupCustomInput: elsewhere }] }),
  ).toThrow("vmManagedDisks.0.recoveryResourceGroupId");
});
