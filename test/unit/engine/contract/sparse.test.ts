import { expect, test } from "vitest";
import type { z } from "zod";
import { applyRecoveryPointRequest } from "../../../../engine/contract/apply-recovery-point.ts";
import {
  containerMappingRequest,
  containerMappingUpdate,
} from "../../../../engine/contract/container-mapping.ts";
import {
  disableProtectionRequest,
  updateMobilityServiceRequest,
} from "../../../../engine/contract/disable-protection.ts";
import { enableProtectionRequest } from "../../../../engine/contract/enable-protection.ts";
import { containerRequest } from "../../../../engine/contract/fabric.ts";
import { addDisksRequest } from "../../../../engine/contract/item-disks.ts";
import { networkMappingRequest, networkMappingUpdate } from "../../../../engine/contract/network-mapping.ts";
import { plannedFailoverRequest } from "../../../../engine/contract/planned-failover.ts";
import { policyRequest, policyUpdate } from "../../../../engine/contract/policy.ts";
import { intentRequest } from "../../../../engine/contract/protection-intent.ts";
import {
  planCleanupRequest,
  planFailoverRequest,
  planTestRequest,
  recoveryPlanRequest,
} from "../../../../engine/contract/recovery-plan.ts";
import { resolveHealthRequest } from "../../../../engine/contract/resolve-health.ts";
import { reprotectRequest, switchProtectionRequest } from "../../../../engine/contract/switch-protection.ts";
import {
  testFailoverCleanupRequest,
  testFailoverRequest,
} from "../../../../engine/contract/test-failover.ts";
import { unplannedFailoverRequest } from "../../../../engine/contract/unplanned-failover.ts";
import { details, disk, groupId, id, intent } from "./bodies.ts";

/*
 * Clients in Go send "" for what they leave out, and clients in .NET null.
 */

const network = id("Microsoft.Network/virtualNetworks");
const vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v";
const PLACE =
  "recoveryContainerId recoveryAvailabilitySetId recoveryAvailabilityZone recoveryProximityPlacementGroupId recoveryCapacityReservationGroupId recoveryVirtualMachineScaleSetId recoveryBootDiagStorageAccountId recoveryCloudServiceId diskEncryptionInfo vmDisks vmManagedDisks";
const IN_DETAILS = ["properties", "providerSpecificDetails"];
const INPUT = ["properties", "providerSpecificInput"];

/** Each with what it needs, and the fields that may be blank at a place in it. */
const CASES: readonly [schema: z.ZodType, body: object, at: readonly (string | number)[], fields: string][] =
  [
    [
      enableProtectionRequest,
      details({ fabricObjectId: id("Microsoft.Compute/virtualMachines"), recoveryResourceGroupId: groupId }),
      IN_DETAILS,
      `${PLACE} recoveryAzureNetworkId recoverySubnetName multiVmGroupName multiVmGroupId multiVmGroupCreateOption autoProtectionOfDataDisk recoveryExtendedLocation protectionClusterId`,
    ],
    [
      enableProtectionRequest,
      details({ fabricObjectId: id("Microsoft.Compute/virtualMachines"), recoveryResourceGroupId: groupId }),
      ["properties"],
      "policyId protectableItemId",
    ],
    [
      addDisksRequest,
      details({ vmManagedDisks: [disk()] }),
      [...IN_DETAILS, "vmManagedDisks", 0],
      "primaryStagingAzureStorageAccountId recoveryResourceGroupId recoveryTargetDiskAccountType recoveryReplicaDiskAccountType recoveryDiskEncryptionSetId diskEncryptionInfo",
    ],
    [
      testFailoverRequest,
      details(),
      ["properties"],
      "failoverDirection networkType networkId providerSpecificDetails",
    ],
    [testFailoverRequest, details(), IN_DETAILS, "recoveryPointId cloudServiceCreationOption"],
    [testFailoverCleanupRequest, details(), ["properties"], "comments"],
    [
      unplannedFailoverRequest,
      details(),
      ["properties"],
      "failoverDirection sourceSiteOperations providerSpecificDetails",
    ],
    [unplannedFailoverRequest, details(), IN_DETAILS, "recoveryPointId cloudServiceCreationOption"],
    [plannedFailoverRequest, details(), ["properties"], "failoverDirection providerSpecificDetails"],
    [applyRecoveryPointRequest, details(), ["properties"], "recoveryPointId providerSpecificDetails"],
    [
      switchProtectionRequest,
      details({}, { replicationProtectedItemName: "shop" }),
      IN_DETAILS,
      `${PLACE} recoveryResourceGroupId policyId`,
    ],
    [
      switchProtectionRequest,
      details({ vmManagedDisks: [disk()] }, { replicationProtectedItemName: "shop" }),
      [...IN_DETAILS, "vmManagedDisks", 0],
      "primaryStagingAzureStorageAccountId recoveryResourceGroupId recoveryTargetDiskAccountType recoveryReplicaDiskAccountType recoveryDiskEncryptionSetId diskEncryptionInfo",
    ],
    [reprotectRequest, details(), ["properties"], "failoverDirection providerSpecificDetails"],
    [
      intentRequest,
      intent(),
      IN_DETAILS,
      "protectionProfileCustomInput primaryStagingStorageAccountCustomInput recoveryAvailabilitySetCustomInput recoveryVirtualNetworkCustomInput recoveryProximityPlacementGroupCustomInput autoProtectionOfDataDisk vmDisks vmManagedDisks multiVmGroupName multiVmGroupId recoveryBootDiagStorageAccount diskEncryptionInfo recoveryAvailabilityZone agentAutoUpdateStatus automationAccountAuthenticationType automationAccountArmId",
    ],
    [
      policyRequest,
      {
        properties: {
          providerSpecificInput: { instanceType: "A2A", multiVmSyncStatus: "Enable" },
          leeward: {},
        },
      },
      INPUT,
      "recoveryPointHistory crashConsistentFrequencyInMinutes appConsistentFrequencyInMinutes",
    ],
    [policyUpdate, { properties: {} }, ["properties"], "replicationProviderSettings"],
    [containerRequest, { properties: {} }, ["properties"], "providerSpecificInput"],
    [
      containerMappingRequest,
      {
        properties: {
          policyId: `${vault}/replicationPolicies/p`,
          targetProtectionContainerId: `${vault}/replicationFabrics/f/replicationProtectionContainers/c`,
          providerSpecificInput: { instanceType: "A2A" },
        },
      },
      INPUT,
      "agentAutoUpdateStatus automationAccountArmId automationAccountAuthenticationType",
    ],
    [containerMappingUpdate, { properties: {} }, ["properties"], "providerSpecificInput"],
    [
      networkMappingRequest,
      {
        properties: {
          recoveryNetworkId: network,
          fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: network },
        },
      },
      ["properties"],
      "recoveryFabricName",
    ],
    [
      networkMappingUpdate,
      { properties: { fabricSpecificDetails: { instanceType: "AzureToAzure" } } },
      ["properties", "fabricSpecificDetails"],
      "primaryNetworkId",
    ],
    [
      networkMappingUpdate,
      { properties: {} },
      ["properties"],
      "recoveryFabricName recoveryNetworkId fabricSpecificDetails",
    ],
    [
      recoveryPlanRequest,
      { properties: { primaryFabricId: "a", recoveryFabricId: "b", groups: [{ groupType: "Boot" }] } },
      ["properties"],
      "failoverDeploymentModel providerSpecificInput",
    ],
    [
      recoveryPlanRequest,
      { properties: { primaryFabricId: "a", recoveryFabricId: "b", groups: [{ groupType: "Boot" }] } },
      ["properties", "groups", 0],
      "replicationProtectedItems startGroupActions endGroupActions",
    ],
    [
      planFailoverRequest,
      { properties: { providerSpecificDetails: [{ instanceType: "A2A" }] } },
      ["properties", "providerSpecificDetails", 0],
      "recoveryPointType cloudServiceCreationOption multiVmSyncPointOption",
    ],
    [
      planFailoverRequest,
      { properties: {} },
      ["properties"],
      "failoverDirection sourceSiteOperations providerSpecificDetails",
    ],
    [
      planTestRequest,
      { properties: {} },
      ["properties"],
      "failoverDirection networkType networkId providerSpecificDetails",
    ],
    [planCleanupRequest, { properties: {} }, ["properties"], "comments"],
    [updateMobilityServiceRequest, { properties: {} }, ["properties"], "runAsAccountId"],
    [resolveHealthRequest, { properties: {} }, ["properties"], "healthErrors"],
    [
      disableProtectionRequest,
      { properties: {} },
      ["properties"],
      "disableProtectionReason replicationProviderInput",
    ],
  ];

test.each(CASES.map(([schema, body, at, fields]) => ({ schema, body, at, fields, place: at.join(".") })))(
  "blank counts as left out, at $place: $fields",
  ({ schema, body, at, fields }) => {
    for (const field of fields.split(" ")) {
      const data = schema.parse(without(body, at, field));
      for (const blank of ["", null])
        expect([field, schema.safeParse(withField(body, at, field, blank))]).toEqual([
          field,
          { success: true, data },
        ]);
    }
  },
);

test("what is needed is missing when it is blank", () => {
  const found = enableProtectionRequest.safeParse(
    details({ fabricObjectId: "", recoveryResourceGroupId: null }),
  );
  expect(found.error?.issues.map(({ path }) => path.at(-1))).toEqual([
    "fabricObjectId",
    "recoveryResourceGroupId",
  ]);
});

test("what is Leeward's own stays strict", () => {
  const body = { properties: { leeward: { at: "" } } };
  expect(unplannedFailoverRequest.safeParse(body).success).toBe(false);
});

type Json = Record<string | number, unknown>;

/** A copy of the body, with one more field at the place. */
function withField(body: object, at: readonly (string | number)[], field: string, value: unknown): Json {
  return changed(body, at, (object) => Object.assign(object, { [field]: value }));
}

function without(body: object, at: readonly (string | number)[], field: string): Json {
  return changed(body, at, (object) => Reflect.deleteProperty(object, field));
}

function changed(body: object, at: readonly (string | number)[], change: (object: object) => unknown): Json {
  const copy: Json = JSON.parse(JSON.stringify(body));
  const object = at.reduce<unknown>(
    (above, name) => (typeof above === "object" && above !== null ? Reflect.get(above, name) : undefined),
    copy,
  );
  if (typeof object !== "object" || object === null) throw new Error(`nothing at ${at.join(".")}`);
  change(object);
  return copy;
}
