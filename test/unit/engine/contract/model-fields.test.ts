import { expect, test } from "vitest";
import { z } from "zod";
import { containerMappingRequest } from "../../../../engine/contract/container-mapping.ts";
import { enableProtectionRequest } from "../../../../engine/contract/enable-protection.ts";
import { addDisksRequest, removeDisksRequest } from "../../../../engine/contract/item-disks.ts";
import { policyRequest } from "../../../../engine/contract/policy.ts";
import { intentRequest } from "../../../../engine/contract/protection-intent.ts";
import { planFailoverRequest, recoveryPlanRequest } from "../../../../engine/contract/recovery-plan.ts";
import { reprotectRequest, switchProtectionRequest } from "../../../../engine/contract/switch-protection.ts";
import { testFailoverRequest } from "../../../../engine/contract/test-failover.ts";
import { unplannedFailoverRequest } from "../../../../engine/contract/unplanned-failover.ts";
import { updateItemRequest } from "../../../../engine/contract/update-item.ts";

/*
 * Zod drops what a schema does not name, and whoever sent it would not be told. So each field of Microsoft's models for Azure to
 * Azure is named by ours: it is done, or refused.
 */

const DISK =
  "diskId primaryStagingAzureStorageAccountId recoveryResourceGroupId recoveryReplicaDiskAccountType recoveryTargetDiskAccountType recoveryDiskEncryptionSetId diskEncryptionInfo";
const WAY_BACK =
  "recoveryContainerId recoveryResourceGroupId recoveryCloudServiceId recoveryAvailabilitySetId policyId vmDisks";
const DETAILS = "properties.providerSpecificDetails";

test.each<[model: string, schema: z.ZodType, at: string, fields: string]>([
  [
    "A2AEnableProtectionInput",
    enableProtectionRequest,
    DETAILS,
    "fabricObjectId recoveryContainerId recoveryResourceGroupId recoveryCloudServiceId recoveryAvailabilitySetId recoveryProximityPlacementGroupId vmDisks vmManagedDisks multiVmGroupName multiVmGroupId recoveryBootDiagStorageAccountId diskEncryptionInfo recoveryAvailabilityZone recoveryExtendedLocation recoveryAzureNetworkId recoverySubnetName recoveryVirtualMachineScaleSetId recoveryCapacityReservationGroupId protectionClusterId autoProtectionOfDataDisk",
  ],
  [
    "EnableProtectionInput",
    enableProtectionRequest,
    "properties",
    "policyId protectableItemId providerSpecificDetails",
  ],
  ["A2AVmManagedDiskInputDetails", enableProtectionRequest, `${DETAILS}.vmManagedDisks`, DISK],
  [
    "UpdateReplicationProtectedItemInputProperties",
    updateItemRequest,
    "properties",
    "recoveryAzureVMName recoveryAzureVMSize selectedRecoveryAzureNetworkId selectedTfoAzureNetworkId selectedSourceNicId enableRdpOnTargetOption vmNics licenseType recoveryAvailabilitySetId providerSpecificDetails",
  ],
  [
    "A2AUpdateReplicationProtectedItemInput",
    updateItemRequest,
    DETAILS,
    "recoveryCloudServiceId recoveryResourceGroupId managedDiskUpdateDetails recoveryBootDiagStorageAccountId diskEncryptionInfo tfoAzureVMName recoveryProximityPlacementGroupId recoveryVirtualMachineScaleSetId recoveryCapacityReservationGroupId",
  ],
  [
    "A2AVmManagedDiskUpdateDetails",
    updateItemRequest,
    `${DETAILS}.managedDiskUpdateDetails`,
    "diskId recoveryTargetDiskAccountType recoveryReplicaDiskAccountType diskEncryptionInfo failoverDiskName tfoDiskName",
  ],
  [
    "VMNicInputDetails",
    updateItemRequest,
    "properties.vmNics",
    "nicId ipConfigs selectionType recoveryNetworkSecurityGroupId enableAcceleratedNetworkingOnRecovery tfoNetworkSecurityGroupId enableAcceleratedNetworkingOnTfo recoveryNicName recoveryNicResourceGroupName reuseExistingNic tfoNicName tfoNicResourceGroupName tfoReuseExistingNic targetNicName",
  ],
  [
    "IPConfigInputDetails",
    updateItemRequest,
    "properties.vmNics.ipConfigs",
    "ipConfigName isPrimary isSeletedForFailover recoverySubnetName recoveryStaticIPAddress recoveryPublicIPAddressId recoveryLBBackendAddressPoolIds tfoSubnetName tfoStaticIPAddress tfoPublicIPAddressId tfoLBBackendAddressPoolIds",
  ],
  ["A2AAddDisksInput", addDisksRequest, DETAILS, "vmDisks vmManagedDisks"],
  ["A2ARemoveDisksInput", removeDisksRequest, DETAILS, "vmDisksUris vmManagedDisksIds"],
  ["A2ATestFailoverInput", testFailoverRequest, DETAILS, "recoveryPointId cloudServiceCreationOption"],
  [
    "TestFailoverInput",
    testFailoverRequest,
    "properties",
    "failoverDirection networkType networkId providerSpecificDetails",
  ],
  [
    "A2AUnplannedFailoverInput",
    unplannedFailoverRequest,
    DETAILS,
    "recoveryPointId cloudServiceCreationOption",
  ],
  [
    "A2ASwitchProtectionInput",
    switchProtectionRequest,
    DETAILS,
    `${WAY_BACK} vmManagedDisks recoveryBootDiagStorageAccountId recoveryAvailabilityZone recoveryProximityPlacementGroupId recoveryVirtualMachineScaleSetId recoveryCapacityReservationGroupId diskEncryptionInfo`,
  ],
  ["its disks", switchProtectionRequest, `${DETAILS}.vmManagedDisks`, DISK],
  ["A2AReprotectInput", reprotectRequest, DETAILS, WAY_BACK],
  [
    "A2ACreateProtectionIntentInput",
    intentRequest,
    DETAILS,
    "fabricObjectId primaryLocation recoveryLocation recoverySubscriptionId recoveryAvailabilityType protectionProfileCustomInput recoveryResourceGroupId primaryStagingStorageAccountCustomInput recoveryAvailabilitySetCustomInput recoveryVirtualNetworkCustomInput recoveryProximityPlacementGroupCustomInput autoProtectionOfDataDisk vmDisks vmManagedDisks multiVmGroupName multiVmGroupId recoveryBootDiagStorageAccount diskEncryptionInfo recoveryAvailabilityZone agentAutoUpdateStatus automationAccountAuthenticationType automationAccountArmId",
  ],
  [
    "A2AProtectionIntentManagedDiskInputDetails",
    intentRequest,
    `${DETAILS}.vmManagedDisks`,
    "diskId primaryStagingStorageAccountCustomInput recoveryResourceGroupCustomInput recoveryReplicaDiskAccountType recoveryTargetDiskAccountType recoveryDiskEncryptionSetId diskEncryptionInfo",
  ],
  [
    "A2APolicyCreationInput",
    policyRequest,
    "properties.providerSpecificInput",
    "recoveryPointHistory crashConsistentFrequencyInMinutes appConsistentFrequencyInMinutes multiVmSyncStatus",
  ],
  [
    "A2AContainerMappingInput",
    containerMappingRequest,
    "properties.providerSpecificInput",
    "agentAutoUpdateStatus automationAccountArmId automationAccountAuthenticationType",
  ],
  [
    "CreateRecoveryPlanInput",
    recoveryPlanRequest,
    "properties",
    "primaryFabricId recoveryFabricId failoverDeploymentModel groups providerSpecificInput",
  ],
  [
    "RecoveryPlanA2AInput",
    recoveryPlanRequest,
    "properties.providerSpecificInput",
    "primaryZone recoveryZone primaryExtendedLocation recoveryExtendedLocation",
  ],
  [
    "RecoveryPlanA2AFailoverInput",
    planFailoverRequest,
    DETAILS,
    "recoveryPointType cloudServiceCreationOption multiVmSyncPointOption",
  ],
])("no field of %s is dropped", (_, schema, at, fields) => {
  const known = fieldsAt(schema, at);
  expect(fields.split(" ").filter((field) => !known.includes(field))).toEqual([]);
});

const node = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
});

/** Names of the fields of an object, or of a list's entries, at a path. */
function fieldsAt(schema: z.ZodType, path: string): string[] {
  const whole: unknown = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const found = path.split(".").reduce((above, name) => {
    const below = node.parse(above).properties?.[name];
    return node.parse(below).items ?? below;
  }, whole);
  return Object.keys(node.parse(found).properties ?? {});
}
