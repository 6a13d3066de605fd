import { expect, test } from "vitest";
import type { z } from "zod";
import { enableProtectionRequest } from "../../../../engine/contract/enable-protection.ts";
import { addDisksRequest, removeDisksRequest } from "../../../../engine/contract/item-disks.ts";
import { plannedFailoverRequest } from "../../../../engine/contract/planned-failover.ts";
import { intentRequest } from "../../../../engine/contract/protection-intent.ts";
import {
  planFailoverRequest,
  planPlannedFailoverRequest,
  planTestRequest,
  recoveryPlanRequest,
} from "../../../../engine/contract/recovery-plan.ts";
import { switchProtectionRequest } from "../../../../engine/contract/switch-protection.ts";
import { testFailoverRequest } from "../../../../engine/contract/test-failover.ts";
import { unplannedFailoverRequest } from "../../../../engine/contract/unplanned-failover.ts";
import { details, disk, groupId, id, intent } from "./bodies.ts";

const enable = (more: object) =>
  details({
    fabricObjectId: id("Microsoft.Compute/virtualMachines"),
    recoveryResourceGroupId: groupId,
    ...more,
  });
const back = (more: object) => details(more, { replicationProtectedItemName: "shop" });
const plan = (more: object) => ({
  properties: { primaryFabricId: "a", recoveryFabricId: "b", groups: [{ groupType: "Boot" }], ...more },
});
const settings = (more: object) => plan({ providerSpecificInput: [{ instanceType: "A2A", ...more }] });
const script = (more: object) =>
  plan({
    groups: [
      {
        groupType: "Boot",
        startGroupActions: [
          {
            actionName: "tell",
            failoverTypes: ["UnplannedFailover"],
            failoverDirections: ["PrimaryToRecovery"],
            customDetails: {
              instanceType: "ScriptActionDetails",
              path: "https://example.com/",
              fabricLocation: "Recovery",
              ...more,
            },
          },
        ],
      },
    ],
  });
const run = (more: object, beside: object = {}) => ({
  properties: { providerSpecificDetails: [{ instanceType: "A2A", ...more }], ...beside },
});

const DETAILS = "properties.providerSpecificDetails";
const KEYS = { diskEncryptionKeyInfo: { secretIdentifier: "https://v/secrets/s" } };
const EDGE = { name: "losangeles", type: "EdgeZone" };
const UNMANAGED = [{ diskUri: "https://a/vhds/b.vhd" }];
const SCRIPT = "properties.groups.0.startGroupActions.0.customDetails";

test.each<[path: string, schema: z.ZodType, body: unknown]>([
  [
    `${DETAILS}.autoProtectionOfDataDisk`,
    enableProtectionRequest,
    enable({ autoProtectionOfDataDisk: "Enabled" }),
  ],
  [`${DETAILS}.diskEncryptionInfo`, enableProtectionRequest, enable({ diskEncryptionInfo: KEYS })],
  [`${DETAILS}.recoveryCloudServiceId`, enableProtectionRequest, enable({ recoveryCloudServiceId: "/c" })],
  [
    `${DETAILS}.recoveryExtendedLocation`,
    enableProtectionRequest,
    enable({ recoveryExtendedLocation: EDGE }),
  ],
  [`${DETAILS}.protectionClusterId`, enableProtectionRequest, enable({ protectionClusterId: "/c" })],
  [`${DETAILS}.vmDisks`, enableProtectionRequest, enable({ vmDisks: UNMANAGED })],
  [
    `${DETAILS}.multiVmGroupCreateOption`,
    enableProtectionRequest,
    enable({ multiVmGroupCreateOption: "AutoCreated" }),
  ],
  [
    `${DETAILS}.vmManagedDisks.0.diskEncryptionInfo`,
    enableProtectionRequest,
    enable({ vmManagedDisks: [disk({ diskEncryptionInfo: KEYS })] }),
  ],
  [
    `${DETAILS}.vmManagedDisks.0.recoveryReplicaDiskAccountType`,
    enableProtectionRequest,
    enable({ vmManagedDisks: [disk({ recoveryReplicaDiskAccountType: "Fast" })] }),
  ],
  [
    "properties.protectableItemId",
    enableProtectionRequest,
    { properties: { ...enable({}).properties, protectableItemId: "/p" } },
  ],
  [`${DETAILS}.vmDisks`, addDisksRequest, details({ vmManagedDisks: [disk()], vmDisks: UNMANAGED })],
  [
    `${DETAILS}.vmDisksUris`,
    removeDisksRequest,
    details({ vmManagedDisksIds: [disk().diskId], vmDisksUris: ["https://a/vhds/b.vhd"] }),
  ],
  ...[testFailoverRequest, unplannedFailoverRequest].map((schema): [string, z.ZodType, unknown] => [
    `${DETAILS}.cloudServiceCreationOption`,
    schema,
    details({ cloudServiceCreationOption: "UseRecoveryCloudService" }),
  ]),
  [`${DETAILS}.recoveryPointId`, plannedFailoverRequest, details({ recoveryPointId: "p" })],
  [`${DETAILS}.recoveryCloudServiceId`, switchProtectionRequest, back({ recoveryCloudServiceId: "/c" })],
  [`${DETAILS}.diskEncryptionInfo`, switchProtectionRequest, back({ diskEncryptionInfo: KEYS })],
  [
    `${DETAILS}.vmManagedDisks.0.recoveryTargetDiskAccountType`,
    switchProtectionRequest,
    back({ vmManagedDisks: [disk({ recoveryTargetDiskAccountType: "Premium_LRS" })] }),
  ],
  [
    `${DETAILS}.vmManagedDisks.0.recoveryDiskEncryptionSetId`,
    switchProtectionRequest,
    back({ vmManagedDisks: [disk({ recoveryDiskEncryptionSetId: "/e" })] }),
  ],
  [
    `${DETAILS}.vmManagedDisks.1.recoveryResourceGroupId`,
    switchProtectionRequest,
    back({
      recoveryResourceGroupId: groupId,
      vmManagedDisks: [
        disk({ recoveryResourceGroupId: groupId }),
        disk({ recoveryResourceGroupId: `${groupId}2` }),
      ],
    }),
  ],
  [`${DETAILS}.autoProtectionOfDataDisk`, intentRequest, intent({ autoProtectionOfDataDisk: "Enabled" })],
  [`${DETAILS}.vmDisks`, intentRequest, intent({ vmDisks: UNMANAGED })],
  [`${DETAILS}.diskEncryptionInfo`, intentRequest, intent({ diskEncryptionInfo: KEYS })],
  [
    `${DETAILS}.vmManagedDisks.0.diskEncryptionInfo`,
    intentRequest,
    intent({ vmManagedDisks: [disk({ diskEncryptionInfo: KEYS })] }),
  ],
  [`${DETAILS}.recoverySubscriptionId`, intentRequest, intent({ recoverySubscriptionId: "other" })],
  [
    `${DETAILS}.recoveryAvailabilityZone`,
    intentRequest,
    intent({ recoveryAvailabilityType: "AvailabilityZone" }),
  ],
  [`${DETAILS}.recoveryAvailabilityType`, intentRequest, intent({ recoveryAvailabilityZone: "1" })],
  [
    `${DETAILS}.recoveryAvailabilityType`,
    intentRequest,
    intent({ recoveryAvailabilitySetCustomInput: { resourceType: "New" } }),
  ],
  [
    `${DETAILS}.recoveryVirtualNetworkCustomInput.recoveryVirtualNetworkName`,
    intentRequest,
    intent({
      recoveryVirtualNetworkCustomInput: { resourceType: "New", recoveryVirtualNetworkName: "hall" },
    }),
  ],
  [
    `${DETAILS}.recoveryVirtualNetworkCustomInput.recoveryVirtualNetworkResourceGroupName`,
    intentRequest,
    intent({
      recoveryVirtualNetworkCustomInput: {
        resourceType: "New",
        recoveryVirtualNetworkResourceGroupName: "elsewhere",
      },
    }),
  ],
  ["properties.failoverDeploymentModel", recoveryPlanRequest, plan({ failoverDeploymentModel: "Classic" })],
  ...["primaryZone", "recoveryZone"].map((zone): [string, z.ZodType, unknown] => [
    `properties.providerSpecificInput.0.${zone}`,
    recoveryPlanRequest,
    settings({ [zone]: "1" }),
  ]),
  ...["primaryExtendedLocation", "recoveryExtendedLocation"].map((place): [string, z.ZodType, unknown] => [
    `properties.providerSpecificInput.0.${place}`,
    recoveryPlanRequest,
    settings({ [place]: EDGE }),
  ]),
  [`${SCRIPT}.timeout`, recoveryPlanRequest, script({ timeout: "00:10:00" })],
  [`${SCRIPT}.fabricLocation`, recoveryPlanRequest, script({ fabricLocation: "Primary" })],
  [
    `${DETAILS}.0.multiVmSyncPointOption`,
    planFailoverRequest,
    run({ multiVmSyncPointOption: "UseMultiVmSyncRecoveryPoint" }),
  ],
  [
    `${DETAILS}.0.cloudServiceCreationOption`,
    planFailoverRequest,
    run({ cloudServiceCreationOption: "UseRecoveryCloudService" }),
  ],
  [`${DETAILS}.0.recoveryPointType`, planFailoverRequest, run({ recoveryPointType: "LatestTag" })],
  ...["LatestProcessed", "LatestApplicationConsistent", "LatestCrashConsistent"].map(
    (recoveryPointType): [string, z.ZodType, unknown] => [
      `${DETAILS}.0.recoveryPointType`,
      planPlannedFailoverRequest,
      run({ recoveryPointType }),
    ],
  ),
  ["properties.networkType", planTestRequest, run({}, { networkType: "SomeNetwork" })],
  [
    "properties.networkId",
    planTestRequest,
    run({}, { networkType: "NoNetworkAttachAsInput", networkId: id("Microsoft.Network/virtualNetworks") }),
  ],
])("%s is refused by its path", (path, schema, body) => {
  const issues = schema.safeParse(body).error?.issues ?? [];
  expect(issues.map((issue) => issue.path.join("."))).toEqual([path]);
});

test.each<[what: string, schema: z.ZodType, body: unknown]>([
  [
    "an enablement",
    enableProtectionRequest,
    enable({
      autoProtectionOfDataDisk: "Disabled",
      diskEncryptionInfo: { diskEncryptionKeyInfo: { secretIdentifier: null }, keyEncryptionKeyInfo: null },
      vmDisks: [],
      recoveryExtendedLocation: {},
      vmManagedDisks: [disk({ recoveryReplicaDiskAccountType: "Premium_LRS", diskEncryptionInfo: {} })],
    }),
  ],
  ["a failover", unplannedFailoverRequest, details({ cloudServiceCreationOption: "AutoCreateCloudService" })],
  [
    "a reprotection",
    switchProtectionRequest,
    back({
      recoveryResourceGroupId: groupId,
      vmDisks: [],
      vmManagedDisks: [
        disk({
          primaryStagingAzureStorageAccountId: id("Microsoft.Storage/storageAccounts"),
          recoveryResourceGroupId: groupId.toUpperCase().replace("/SUBSCRIPTIONS", "/subscriptions"),
        }),
      ],
    }),
  ],
  [
    "an intent",
    intentRequest,
    intent({
      autoProtectionOfDataDisk: "Disabled",
      agentAutoUpdateStatus: "Enabled",
      recoveryVirtualNetworkCustomInput: {
        resourceType: "New",
        recoveryVirtualNetworkResourceGroupName: "G",
      },
    }),
  ],
  ["a plan", recoveryPlanRequest, settings({ primaryZone: "", recoveryZone: null })],
  [
    "a run of a plan",
    planFailoverRequest,
    run({
      recoveryPointType: "LatestCrashConsistent",
      multiVmSyncPointOption: "UsePerVmRecoveryPoint",
      cloudServiceCreationOption: "AutoCreateCloudService",
    }),
  ],
  ["a planned run of a plan", planPlannedFailoverRequest, run({ recoveryPointType: "Latest" })],
])("what is done anyway, or says nothing, is taken of %s", (_, schema, body) => {
  expect(schema.safeParse(body).error?.issues ?? []).toEqual([]);
});
