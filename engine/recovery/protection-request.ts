import { z } from "zod";
import { freezeCommands } from "../core/freeze.ts";
import { armId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

const arm = z.string().transform(checked(armId));

/** Of the accounts that enablement makes, unless another one is asked for. */
export const ACCOUNT_SKU = "Standard_LRS";

/** What the user asked for. */
export const protectionRequest = z.object({
  resourceGroup: arm,
  network: arm.optional(),
  subnet: z.string().optional(),
  availabilitySet: arm.optional(),
  zone: z.string().optional(),
  proximityPlacementGroup: arm.optional(),
  capacityReservationGroup: arm.optional(),
  /** A flexible one. */
  scaleSet: arm.optional(),
  bootDiagnosticsAccount: arm.optional(),
  size: z.string().optional(),
  vmName: z.string().optional(),
  cacheAccount: arm.optional(),
  replicaAccount: arm.optional(),
  /** Of the accounts that are made; `ACCOUNT_SKU` when absent. */
  cacheSku: z.enum(["Standard_LRS", "Standard_ZRS", "Premium_LRS", "Premium_ZRS"]).optional(),
  replicaSku: z.enum(["Standard_LRS", "Standard_ZRS"]).optional(),
  /** Of NICs by their name at the source; what is left out is as the plan has it. */
  nics: z
    .array(
      z.object({
        name: z.string(),
        subnet: z.string().optional(),
        address: z.string().optional(),
        networkSecurityGroup: arm.optional(),
        recoveryName: z.string().optional(),
      }),
    )
    .optional(),
  /** Of copies, by what they are copies of. */
  names: z.array(z.object({ source: arm, name: z.string() })).optional(),
  /** What is to be other than at the source, by disk. */
  diskKinds: z
    .array(z.object({ disk: arm, sku: z.string().optional(), encryptionSet: arm.optional() }))
    .optional(),
  /** The disks to protect; all of the VM when absent. */
  disks: z.array(arm).optional(),
  /** For the agent, in place of none. */
  freeze: freezeCommands.optional(),
});
export type ProtectionRequest = z.infer<typeof protectionRequest>;
