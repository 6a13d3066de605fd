import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { armIdField } from "./field.ts";
import { groupName } from "./group.ts";

const managedDisk = z.object({
  diskId: armIdField,
  /** The cache account, in the source region; made when it is left out. */
  primaryStagingAzureStorageAccountId: armIdField.optional(),
  recoveryResourceGroupId: armIdField.optional(),
});

/**
 * Body of `PUT …/replicationProtectedItems/{name}`: ASR's EnableProtectionInput for Azure to Azure. As ARM does, fields
 * that are not known are let pass, except in `leeward`, whose content is checked by its owner.
 */
export const enableProtectionRequest = z.object({
  properties: z.object({
    policyId: z.string().max(2048).optional(),
    providerSpecificDetails: z.object({
      instanceType: z.literal("A2A"),
      /** The source VM. */
      fabricObjectId: armIdField,
      recoveryContainerId: z.string().max(2048).optional(),
      recoveryResourceGroupId: armIdField,
      recoveryAzureNetworkId: armIdField.optional(),
      recoverySubnetName: z.string().min(1).max(2048).optional(),
      recoveryAvailabilitySetId: armIdField.optional(),
      /** Machines of one group have common recovery points. By name, or by the id of a group that there is. */
      multiVmGroupName: groupName.optional(),
      multiVmGroupId: z.string().max(2048).optional(),
      multiVmGroupCreateOption: z.enum(["AutoCreated", "UserSpecified"]).optional(),
      vmManagedDisks: z.array(managedDisk).max(MOST_DISKS).optional(),
    }),
    leeward: z.unknown().optional(),
  }),
});
export type EnableProtectionRequest = z.infer<typeof enableProtectionRequest>;
