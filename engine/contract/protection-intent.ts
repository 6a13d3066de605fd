import { z } from "zod";
import { a2aPolicy } from "../core/a2a-policy.ts";
import { regionOf } from "../core/region.ts";
import { armIdField, idOfType } from "./field.ts";

const location = z
  .string()
  .max(100)
  .transform(regionOf)
  .refine((region) => /^[a-z0-9]+$/.test(region), "not a region's name, as in westeurope");
const name = z.string().regex(/^[\w.() -]{1,200}$/, "not a name");
const existing = z.literal("Existing");
/** What is new Leeward makes by itself where the machine needs it, and names it itself. */
const made = z.looseObject({ resourceType: z.literal("New") });

const account = z.object({
  resourceType: existing,
  azureStorageAccountId: idOfType("Microsoft.Storage/storageAccounts"),
});

const managedDisk = z.object({
  diskId: armIdField,
  primaryStagingStorageAccountCustomInput: account.optional(),
  recoveryTargetDiskAccountType: z.string().max(64).optional(),
  recoveryDiskEncryptionSetId: z.string().max(2048).optional(),
});

const details = z.object({
  instanceType: z.literal("A2A"),
  /** The source VM. */
  fabricObjectId: idOfType("Microsoft.Compute/virtualMachines"),
  primaryLocation: location,
  recoveryLocation: location,
  recoverySubscriptionId: z.string().max(100),
  recoveryAvailabilityType: z.enum(["Single", "AvailabilitySet", "AvailabilityZone"]),
  recoveryResourceGroupId: armIdField,
  protectionProfileCustomInput: z
    .discriminatedUnion("resourceType", [
      z.object({ resourceType: existing, protectionProfileId: armIdField }),
      a2aPolicy
        .partial()
        .required({ multiVmSyncStatus: true })
        .extend({
          resourceType: z.literal("New"),
          policyName: name,
        }),
    ])
    .optional(),
  primaryStagingStorageAccountCustomInput: account.optional(),
  recoveryAvailabilitySetCustomInput: z
    .discriminatedUnion("resourceType", [
      z.object({
        resourceType: existing,
        recoveryAvailabilitySetId: idOfType("Microsoft.Compute/availabilitySets").optional(),
      }),
      made,
    ])
    .optional(),
  recoveryVirtualNetworkCustomInput: z
    .discriminatedUnion("resourceType", [
      z.object({
        resourceType: existing,
        recoveryVirtualNetworkId: idOfType("Microsoft.Network/virtualNetworks"),
        recoverySubnetName: z.string().min(1).max(2048).optional(),
      }),
      made,
    ])
    .optional(),
  recoveryProximityPlacementGroupCustomInput: z
    .discriminatedUnion("resourceType", [
      z.object({
        resourceType: existing,
        recoveryProximityPlacementGroupId: idOfType("Microsoft.Compute/proximityPlacementGroups").optional(),
      }),
      made,
    ])
    .optional(),
  recoveryAvailabilityZone: z.string().max(8).optional(),
  vmManagedDisks: z.array(managedDisk).max(64).optional(),
  multiVmGroupName: z.string().max(200).optional(),
  multiVmGroupId: z.string().max(2048).optional(),
});
export type IntentDetails = z.infer<typeof details>;

/** Body of `PUT …/replicationProtectionIntents/{name}`: ASR's CreateProtectionIntentInput for Azure to Azure. */
export const intentRequest = z.object({
  properties: z.object({
    providerSpecificDetails: details,
    /** As of an item: ours, and strict. */
    leeward: z.unknown().optional(),
  }),
});

/** ASR's intent. */
export const intentView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationProtectionIntents"),
  properties: z.object({
    friendlyName: z.string(),
    jobId: z.string(),
    jobState: z.string(),
    /** The item that it asked for is there. */
    isActive: z.boolean(),
    creationTimeUTC: z.string(),
    providerSpecificDetails: z.looseObject({ instanceType: z.literal("A2A") }),
    leeward: z.object({ protectedItemId: z.string() }),
  }),
});
export type IntentView = z.infer<typeof intentView>;
