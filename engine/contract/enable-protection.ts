import { z } from "zod";
import { type ArmId, sameArmId } from "../core/ids.ts";
import { MOST_DISKS } from "../core/units.ts";
import { copyNameList, interfaceName } from "./copy-names.ts";
import { PLACES, excludedAmong } from "../core/placement.ts";
import { armIdField, idOfType, sparse } from "./field.ts";
import { groupName } from "./group.ts";
import {
  autoProtection,
  cloudService,
  diskKeys,
  edgeZone,
  notHere,
  unmanagedDisks,
} from "./refused-field.ts";

const network = idOfType("Microsoft.Network/virtualNetworks");
const account = idOfType("Microsoft.Storage/storageAccounts");

/** Of a disk in the target. */
export const managedDiskKind = z.enum([
  "Standard_LRS",
  "StandardSSD_LRS",
  "StandardSSD_ZRS",
  "Premium_LRS",
  "Premium_ZRS",
  "PremiumV2_LRS",
  "UltraSSD_LRS",
]);

/** Of accounts that enablement makes. A premium cache is an account of block blobs alone. */
const cacheKind = z.enum(["Standard_LRS", "Standard_ZRS", "Premium_LRS", "Premium_ZRS"]);
/** Premium page blobs take a snapshot each ten minutes, and a failover may need one at once. */
const replicaKind = z.enum(["Standard_LRS", "Standard_ZRS"]);

/** One disk of ASR's input. */
export const managedDisk = sparse(
  z.object({
    diskId: armIdField,
    /** The cache account, in the source region; made when it is left out. */
    primaryStagingAzureStorageAccountId: account.optional(),
    recoveryResourceGroupId: armIdField.optional(),
    recoveryTargetDiskAccountType: managedDiskKind.optional(),
    /** Of a managed disk that Leeward has not: its replica is a page blob. Terraform always sends it. */
    recoveryReplicaDiskAccountType: managedDiskKind.optional(),
    recoveryDiskEncryptionSetId: idOfType("Microsoft.Compute/diskEncryptionSets").optional(),
    diskEncryptionInfo: diskKeys,
  }),
);

/** ASR's A2AEnableProtectionInput. */
const input = z
  .object({
    instanceType: z.literal("A2A"),
    /** The source VM. */
    fabricObjectId: armIdField,
    recoveryContainerId: z.string().max(2048).optional(),
    recoveryResourceGroupId: armIdField,
    recoveryAzureNetworkId: network.optional(),
    recoverySubnetName: z.string().min(1).max(2048).optional(),
    recoveryAvailabilitySetId: idOfType("Microsoft.Compute/availabilitySets").optional(),
    recoveryAvailabilityZone: z
      .string()
      .regex(/^[1-9]$/, "not a zone, as in 1")
      .optional(),
    recoveryProximityPlacementGroupId: idOfType("Microsoft.Compute/proximityPlacementGroups").optional(),
    recoveryCapacityReservationGroupId: idOfType("Microsoft.Compute/capacityReservationGroups").optional(),
    /** A flexible one. */
    recoveryVirtualMachineScaleSetId: idOfType("Microsoft.Compute/virtualMachineScaleSets").optional(),
    recoveryBootDiagStorageAccountId: account.optional(),
    /** Machines of one group have common recovery points. By name, or by the id of a group that there is. */
    multiVmGroupName: groupName.optional(),
    multiVmGroupId: z.string().max(2048).optional(),
    multiVmGroupCreateOption: z
      .literal("UserSpecified", "a group has the name that multiVmGroupName gives")
      .optional(),
    vmManagedDisks: z.array(managedDisk).max(MOST_DISKS).optional(),
    vmDisks: unmanagedDisks,
    autoProtectionOfDataDisk: autoProtection,
    diskEncryptionInfo: diskKeys,
    recoveryCloudServiceId: cloudService,
    recoveryExtendedLocation: edgeZone,
    protectionClusterId: notHere("there are no protection clusters: name a group (multiVmGroupName)"),
  })
  .superRefine((details, context) => {
    const wrong = (path: (string | number)[], message: string) =>
      context.addIssue({ code: "custom", path, message });
    for (const [place, , why] of excludedAmong((one) => details[PLACES[one]] !== undefined))
      wrong([PLACES[place]], why);
    const disks = details.vmManagedDisks ?? [];
    const cache = disks.find(
      (disk) => disk.primaryStagingAzureStorageAccountId,
    )?.primaryStagingAzureStorageAccountId;
    for (const [at, { primaryStagingAzureStorageAccountId: other }] of disks.entries())
      if (other !== undefined && !same(other, cache))
        wrong(
          ["vmManagedDisks", at, "primaryStagingAzureStorageAccountId"],
          "all disks of a machine have one cache account",
        );
    checkGroups(disks, details.recoveryResourceGroupId, context);
  });

/** @param group that the machine comes up in */
export function checkGroups(
  disks: readonly { readonly recoveryResourceGroupId?: ArmId | undefined }[],
  group: ArmId,
  context: z.RefinementCtx,
): void {
  for (const [at, { recoveryResourceGroupId: own }] of disks.entries())
    if (own !== undefined && !sameArmId(own, group))
      context.addIssue({
        code: "custom",
        path: ["vmManagedDisks", at, "recoveryResourceGroupId"],
        message: "the disks of a machine are made in the group that it comes up in",
      });
}

/**
 * Body of `PUT …/replicationProtectedItems/{name}`: ASR's EnableProtectionInput for Azure to Azure. As ARM does, fields
 * that ASR does not know are let pass, except in `leeward`, whose content is checked by its owner.
 */
export const enableProtectionRequest = z.object({
  properties: sparse(
    z.object({
      policyId: z.string().max(2048).optional(),
      protectableItemId: notHere("the machine is named by providerSpecificDetails.fabricObjectId"),
      providerSpecificDetails: sparse(input),
      leeward: z.unknown().optional(),
    }),
  ),
});
export type EnableProtectionRequest = z.infer<typeof enableProtectionRequest>;

const same = (a: string | undefined, b: string | undefined): boolean => a?.toLowerCase() === b?.toLowerCase();

const nicWish = z.strictObject({
  /** At the source. */
  name: z.string().min(1).max(80),
  /** By name, in the network that the interface goes to. */
  subnet: z.string().min(1).max(80).optional(),
  address: z.ipv4().optional(),
  recoveryName: interfaceName.optional(),
  networkSecurityGroup: idOfType("Microsoft.Network/networkSecurityGroups").optional(),
});

/** `properties.leeward.target`: what of the target can be chosen and has no field in ASR's body. */
export const targetWish = z.strictObject({
  vmName: z
    .string()
    .regex(/^[A-Za-z0-9]([\w.-]{0,62}\w)?$/, "not a virtual machine's name")
    .optional(),
  size: z
    .string()
    .regex(/^\w{1,64}$/, "not a size, as in Standard_D2s_v5")
    .optional(),
  cacheAccount: account.optional(),
  cacheAccountSku: cacheKind.optional(),
  replicaAccount: account.optional(),
  replicaAccountSku: replicaKind.optional(),
  names: copyNameList.optional(),
  nics: z
    .array(nicWish)
    .max(64)
    .superRefine((nics, context) => {
      for (const field of ["name", "address", "recoveryName"] as const)
        for (const [at, nic] of nics.entries())
          if (nic[field] !== undefined && nics.slice(0, at).some((one) => same(one[field], nic[field])))
            context.addIssue({ code: "custom", path: [at, field], message: "named twice" });
    })
    .optional(),
});
