import { z } from "zod";

/** ASR's IPConfigDetails, spelt as ASR spells it. `tfo…`: of the test failover that there is, otherwise null. */
const ipConfig = z.object({
  name: z.string(),
  isPrimary: z.boolean(),
  subnetName: z.string(),
  staticIPAddress: z.string().nullable(),
  /** Null where it was not recorded. */
  ipAddressType: z.enum(["Static", "Dynamic"]).nullable(),
  isSeletedForFailover: z.boolean(),
  recoverySubnetName: z.string(),
  /** Before a failover the address that it will ask for, from then on the one that it was given. */
  recoveryStaticIPAddress: z.string().nullable(),
  recoveryIPAddressType: z.enum(["Static", "Dynamic"]),
  recoveryPublicIPAddressId: z.string().nullable(),
  recoveryLBBackendAddressPoolIds: z.array(z.string()),
  tfoSubnetName: z.string().nullable(),
  tfoStaticIPAddress: z.string().nullable(),
  tfoPublicIPAddressId: z.string().nullable(),
  tfoLBBackendAddressPoolIds: z.array(z.string()),
});

/** ASR's VMNicDetails: an interface of the source, and what becomes of it. */
export const vmNic = z.object({
  nicId: z.string(),
  /** Of the interface that a failover made; null while there is none. */
  replicaNicId: z.string().nullable(),
  sourceNicArmId: z.string(),
  vMNetworkName: z.string(),
  recoveryVMNetworkId: z.string(),
  ipConfigs: z.array(ipConfig),
  selectionType: z.enum(["SelectedByDefault", "SelectedByUser"]),
  recoveryNetworkSecurityGroupId: z.string().nullable(),
  enableAcceleratedNetworkingOnRecovery: z.boolean(),
  tfoVMNetworkId: z.string().nullable(),
  tfoNetworkSecurityGroupId: z.string().nullable(),
  enableAcceleratedNetworkingOnTfo: z.boolean(),
  recoveryNicName: z.string(),
  recoveryNicResourceGroupName: z.string(),
  reuseExistingNic: z.boolean(),
  tfoRecoveryNicName: z.string(),
  tfoRecoveryNicResourceGroupName: z.string(),
  tfoReuseExistingNic: z.boolean(),
  targetNicName: z.string(),
});
export type VmNic = z.infer<typeof vmNic>;
