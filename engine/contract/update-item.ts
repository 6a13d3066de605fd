import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { managedDiskKind, targetWish } from "./enable-protection.ts";
import { armIdField, idOfType } from "./field.ts";

/** ASR's clients send every field of an interface that they know; what is refused is what would have to be done. */
const ipConfig = z.object({
  ipConfigName: z.string().max(80).optional(),
  isPrimary: z.boolean().optional(),
  isSeletedForFailover: z.boolean().optional(),
  recoverySubnetName: z.string().max(2048).nullish(),
  recoveryStaticIPAddress: z.ipv4().nullish(),
  recoveryPublicIPAddressId: z.null("no public address is taken over").optional(),
  recoveryLBBackendAddressPoolIds: z.array(z.string()).max(0, "no load balancer is joined").nullish(),
});

const nic = z.object({
  /** The source's interface: its id, or its name. */
  nicId: z.string().min(1).max(2048),
  ipConfigs: z.array(ipConfig).max(256).default([]),
  recoveryNetworkSecurityGroupId: idOfType("Microsoft.Network/networkSecurityGroups").nullish(),
});

const disk = z.object({
  diskId: armIdField,
  recoveryTargetDiskAccountType: managedDiskKind.nullish(),
});

/**
 * Body of `PATCH …/replicationProtectedItems/{name}`: ASR's UpdateReplicationProtectedItemInput for Azure to Azure, of where the
 * machine comes up. `leeward` is checked by its owner. A field that is left out, or null, changes nothing.
 */
export const updateItemRequest = z.object({
  properties: z.object({
    recoveryAzureVMName: targetWish.shape.vmName.nullish(),
    recoveryAzureVMSize: targetWish.shape.size.nullish(),
    selectedRecoveryAzureNetworkId: idOfType("Microsoft.Network/virtualNetworks").nullish(),
    vmNics: z.array(nic).max(64).nullish(),
    licenseType: z.enum(["NotSpecified"], "a copy has the source's licence").nullish(),
    recoveryAvailabilitySetId: idOfType("Microsoft.Compute/availabilitySets").nullish(),
    providerSpecificDetails: z
      .object({
        instanceType: z.literal("A2A"),
        managedDiskUpdateDetails: z.array(disk).max(MOST_DISKS).nullish(),
        recoveryProximityPlacementGroupId: idOfType("Microsoft.Compute/proximityPlacementGroups").nullish(),
        recoveryResourceGroupId: armIdField.nullish(),
        recoveryBootDiagStorageAccountId: z.null("boot diagnostics are Azure's own").optional(),
        recoveryVirtualMachineScaleSetId: z.null("no scale set is joined").optional(),
        recoveryCapacityReservationGroupId: z.null("no reservation is used").optional(),
      })
      .nullish(),
    leeward: z.unknown().optional(),
  }),
});
export type UpdateItemRequest = z.infer<typeof updateItemRequest>;
