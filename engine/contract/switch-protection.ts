import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { armIdField } from "./field.ts";

/** ASR's client may send an empty one. */
const notHere = (why: string) => z.unknown().refine(isNothing, why).optional();

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return Array.isArray(value) && value.length === 0;
}

const wayBack = z.object({
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
  recoveryCloudServiceId: notHere("there are no cloud services any more"),
  diskEncryptionInfo: notHere("the disks keep the encryption sets that they had"),
  vmDisks: notHere("it has managed disks: name those (vmManagedDisks)"),
  vmManagedDisks: z
    .array(z.object({ diskId: armIdField }))
    .max(MOST_DISKS)
    .optional(),
});

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
  properties: z.object({
    failoverDirection: z.enum(["PrimaryToRecovery", "RecoveryToPrimary"]).optional(),
    providerSpecificDetails: wayBack.optional(),
  }),
});
