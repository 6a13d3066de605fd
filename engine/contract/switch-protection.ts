import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { armIdField } from "./field.ts";

const wayBack = z.object({
  instanceType: z.literal("A2A"),
  recoveryContainerId: z.string().max(2048).optional(),
  recoveryResourceGroupId: armIdField.optional(),
  policyId: z.string().max(2048).optional(),
  vmManagedDisks: z
    .array(z.object({ diskId: armIdField }))
    .max(MOST_DISKS)
    .optional(),
});

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
