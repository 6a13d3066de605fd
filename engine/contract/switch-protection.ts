import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { checkGroups, managedDiskKind } from "./enable-protection.ts";
import { armIdField, idOfType, sparse } from "./field.ts";
import { cloudService, diskKeys, notHere, unmanagedDisks } from "./refused-field.ts";

const keptSets = notHere("the disks keep the encryption sets that they had");

/** Which disks go back is known; what ASR's client sends of them is looked at, so that nobody counts on it in vain. */
const formerDisk = sparse(
  z.object({
    diskId: armIdField,
    /** Needed in ASR, and made by Leeward where the machine runs now. */
    primaryStagingAzureStorageAccountId: idOfType("Microsoft.Storage/storageAccounts").optional(),
    recoveryResourceGroupId: armIdField.optional(),
    recoveryTargetDiskAccountType: notHere(
      "the disks keep the kinds that they had: change them by PATCH of the item afterwards",
    ),
    recoveryReplicaDiskAccountType: managedDiskKind.optional(),
    recoveryDiskEncryptionSetId: keptSets,
    diskEncryptionInfo: diskKeys,
  }),
);

const wayBack = sparse(
  z
    .object({
      instanceType: z.literal("A2A"),
      recoveryContainerId: z.string().max(2048).optional(),
      recoveryResourceGroupId: armIdField.optional(),
      policyId: z.string().max(2048).optional(),
      recoveryAvailabilitySetId: armIdField.optional(),
      recoveryAvailabilityZone: z
        .string()
        .regex(/^[1-9]$/)
        .optional(),
      recoveryProximityPlacementGroupId: armIdField.optional(),
      recoveryCapacityReservationGroupId: armIdField.optional(),
      recoveryVirtualMachineScaleSetId: armIdField.optional(),
      /** Said to be impossible, rather than passed over. */
      recoveryBootDiagStorageAccountId: notHere("boot diagnostics go to Azure's own account"),
      recoveryCloudServiceId: cloudService,
      diskEncryptionInfo: keptSets,
      vmDisks: unmanagedDisks,
      vmManagedDisks: z.array(formerDisk).max(MOST_DISKS).optional(),
    })
    .superRefine(({ recoveryResourceGroupId: group, vmManagedDisks = [] }, context) => {
      if (group !== undefined) checkGroups(vmManagedDisks, group, context);
    }),
);

export type WayBackRequest = z.output<typeof wayBack>;

/** Body of `POST …/switchprotection` of a container: ASR's SwitchProtectionInput for Azure to Azure. */
export const switchProtectionRequest = z.object({
  properties: z.object({
    replicationProtectedItemName: z.string().min(1).max(200),
    providerSpecificDetails: wayBack,
  }),
});

/** Body of `POST …/reProtect`: ASR's ReverseReplicationInput, in which it knows no managed disks. */
export const reprotectRequest = z.object({
  properties: sparse(
    z.object({
      failoverDirection: z.enum(["PrimaryToRecovery", "RecoveryToPrimary"]).optional(),
      providerSpecificDetails: wayBack.optional(),
    }),
  ),
});
