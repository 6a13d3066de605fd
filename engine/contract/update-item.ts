import { z } from "zod";
import { MOST_DISKS } from "../core/units.ts";
import { interfaceName } from "./copy-names.ts";
import { managedDiskKind, targetWish } from "./enable-protection.ts";
import { armIdField, idOfType, unset } from "./field.ts";

/** What only the item can tell whether it may be sent: see `functions/fixed-fields.ts`. */
const text = z.string().max(2048).nullish();
const texts = z.array(z.string().max(2048)).max(256).nullish();
const flag = z.boolean().nullish();

const ipConfig = z.object({
  ipConfigName: z.string().max(80).nullish(),
  isPrimary: flag,
  isSeletedForFailover: flag,
  recoverySubnetName: text,
  recoveryStaticIPAddress: unset(z.ipv4()),
  recoveryPublicIPAddressId: text,
  recoveryLBBackendAddressPoolIds: texts,
  tfoSubnetName: text,
  tfoStaticIPAddress: text,
  tfoPublicIPAddressId: text,
  tfoLBBackendAddressPoolIds: texts,
});

const nic = z.object({
  /** The source's interface: its id, or its name. */
  nicId: z.string().min(1).max(2048),
  ipConfigs: z.array(ipConfig).max(256).nullish(),
  selectionType: text,
  recoveryNetworkSecurityGroupId: unset(idOfType("Microsoft.Network/networkSecurityGroups")),
  enableAcceleratedNetworkingOnRecovery: flag,
  recoveryNicName: unset(interfaceName),
  /** ASR's older word for the same. */
  targetNicName: unset(interfaceName),
  recoveryNicResourceGroupName: text,
  reuseExistingNic: flag,
  tfoNicName: text,
  tfoNicResourceGroupName: text,
  tfoReuseExistingNic: flag,
  tfoNetworkSecurityGroupId: text,
  enableAcceleratedNetworkingOnTfo: flag,
});

const disk = z.object({
  diskId: armIdField,
  recoveryTargetDiskAccountType: unset(managedDiskKind),
  failoverDiskName: text,
  tfoDiskName: text,
  diskEncryptionInfo: z.unknown().optional(),
});

/**
 * Body of `PATCH …/replicationProtectedItems/{name}`: ASR's UpdateReplicationProtectedItemInput for Azure to Azure, of where the
 * machine comes up. `leeward` is checked by its owner. A field that is left out, null or empty changes nothing; ASR's clients send
 * every field that they know, so what cannot be changed is taken as long as it is as it is.
 */
export const updateItemRequest = z.object({
  properties: z.object({
    recoveryAzureVMName: unset(targetWish.shape.vmName),
    recoveryAzureVMSize: unset(targetWish.shape.size),
    selectedRecoveryAzureNetworkId: unset(idOfType("Microsoft.Network/virtualNetworks")),
    selectedTfoAzureNetworkId: text,
    selectedSourceNicId: text,
    enableRdpOnTargetOption: text,
    vmNics: z.array(nic).max(64).nullish(),
    licenseType: text,
    recoveryAvailabilitySetId: unset(idOfType("Microsoft.Compute/availabilitySets")),
    providerSpecificDetails: z
      .object({
        instanceType: z.literal("A2A"),
        managedDiskUpdateDetails: z.array(disk).max(MOST_DISKS).nullish(),
        recoveryProximityPlacementGroupId: unset(idOfType("Microsoft.Compute/proximityPlacementGroups")),
        recoveryCapacityReservationGroupId: unset(idOfType("Microsoft.Compute/capacityReservationGroups")),
        /** A flexible one. */
        recoveryVirtualMachineScaleSetId: unset(idOfType("Microsoft.Compute/virtualMachineScaleSets")),
        recoveryBootDiagStorageAccountId: unset(idOfType("Microsoft.Storage/storageAccounts")),
        recoveryResourceGroupId: text,
        recoveryCloudServiceId: text,
        tfoAzureVMName: text,
        diskEncryptionInfo: z.unknown().optional(),
      })
      .nullish(),
    leeward: z.unknown().optional(),
  }),
});
export type UpdateItemRequest = z.infer<typeof updateItemRequest>;
