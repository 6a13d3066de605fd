import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { interfaceName } from "./copy-names.ts";
import { managedDiskKind, targetWish } from "./enable-protection.ts";
import { armIdField, idOfType, sparse } from "./field.ts";

/** What only the item can tell whether it may be sent: see `functions/fixed-fields.ts`. */
const text = z.string().max(2048).optional();
const texts = z.array(z.string().max(2048)).max(256).optional();
const flag = z.boolean().optional();

const ipConfig = sparse(
  z.object({
    ipConfigName: z.string().max(80).optional(),
    isPrimary: flag,
    isSeletedForFailover: flag,
    recoverySubnetName: text,
    recoveryStaticIPAddress: z.ipv4().optional(),
    recoveryPublicIPAddressId: text,
    recoveryLBBackendAddressPoolIds: texts,
    tfoSubnetName: text,
    tfoStaticIPAddress: text,
    tfoPublicIPAddressId: text,
    tfoLBBackendAddressPoolIds: texts,
  }),
);

const nic = sparse(
  z.object({
    /** The source's interface: its id, or its name. */
    nicId: z.string().min(1).max(2048),
    ipConfigs: z.array(ipConfig).max(256).default([]),
    selectionType: text,
    recoveryNetworkSecurityGroupId: idOfType("Microsoft.Network/networkSecurityGroups").optional(),
    enableAcceleratedNetworkingOnRecovery: flag,
    recoveryNicName: interfaceName.optional(),
    /** ASR's older word for the same. */
    targetNicName: interfaceName.optional(),
    recoveryNicResourceGroupName: text,
    reuseExistingNic: flag,
    tfoNicName: text,
    tfoNicResourceGroupName: text,
    tfoReuseExistingNic: flag,
    tfoNetworkSecurityGroupId: text,
    enableAcceleratedNetworkingOnTfo: flag,
  }),
);

const disk = sparse(
  z.object({
    diskId: armIdField,
    recoveryTargetDiskAccountType: managedDiskKind.optional(),
    /** Means nothing: the replica is no managed disk. */
    recoveryReplicaDiskAccountType: managedDiskKind.optional(),
    failoverDiskName: text,
    tfoDiskName: text,
    diskEncryptionInfo: z.unknown().optional(),
  }),
);

/**
 * Body of `PATCH …/replicationProtectedItems/{name}`: ASR's UpdateReplicationProtectedItemInput for Azure to Azure, of where the
 * machine comes up. `leeward` is checked by its owner. A field that is left out, null or empty changes nothing; ASR's clients send
 * every field that they know, so what cannot be changed is taken as long as it is as it is.
 */
export const updateItemRequest = z.object({
  properties: sparse(
    z.object({
      recoveryAzureVMName: targetWish.shape.vmName,
      recoveryAzureVMSize: targetWish.shape.size,
      selectedRecoveryAzureNetworkId: idOfType("Microsoft.Network/virtualNetworks").optional(),
      selectedTfoAzureNetworkId: text,
      selectedSourceNicId: text,
      enableRdpOnTargetOption: text,
      vmNics: z.array(nic).max(64).default([]),
      licenseType: text,
      recoveryAvailabilitySetId: idOfType("Microsoft.Compute/availabilitySets").optional(),
      providerSpecificDetails: sparse(
        z.object({
          instanceType: z.literal("A2A"),
          managedDiskUpdateDetails: z.array(disk).max(MOST_DISKS).default([]),
          recoveryProximityPlacementGroupId: idOfType(
            "Microsoft.Compute/proximityPlacementGroups",
          ).optional(),
          recoveryCapacityReservationGroupId: idOfType(
            "Microsoft.Compute/capacityReservationGroups",
          ).optional(),
          /** A flexible one. */
          recoveryVirtualMachineScaleSetId: idOfType("Microsoft.Compute/virtualMachineScaleSets").optional(),
          recoveryBootDiagStorageAccountId: idOfType("Microsoft.Storage/storageAccounts").optional(),
          recoveryResourceGroupId: text,
          recoveryCloudServiceId: text,
          tfoAzureVMName: text,
          diskEncryptionInfo: z.unknown().optional(),
        }),
      ).optional(),
      leeward: z.unknown().optional(),
    }),
  ),
});
export type UpdateItemRequest = z.infer<typeof updateItemRequest>;
