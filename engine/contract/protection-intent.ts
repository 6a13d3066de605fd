import { z } from "zod";
import { a2aPolicy } from "../core/a2a-policy.ts";
import { regionOf } from "../core/region.ts";
import { updateSettings } from "./container-mapping.ts";
import { armIdField, idOfType, sparse } from "./field.ts";
import { autoProtection, diskKeys, notHere, unmanagedDisks } from "./refused-field.ts";

const location = z
  .string()
  .max(100)
  .transform(regionOf)
  .refine((region) => /^[a-z0-9]+$/.test(region), "not a region's name, as in westeurope");
const name = z.string().regex(/^[\w.() -]{1,200}$/, "not a name");

const existing = z.literal("Existing");
/** What is new Leeward makes by itself where the machine needs it, and names it itself. */
const made = z.looseObject({ resourceType: z.literal("New") });
/** ASR's `…CustomInput`: what is there already, or what is to be made. */
const existingOr = <Existing extends z.ZodRawShape, Made extends z.ZodObject>(shape: Existing, made: Made) =>
  sparse(z.discriminatedUnion("resourceType", [z.object({ resourceType: existing, ...shape }), made]));

const account = sparse(
  z.object({ resourceType: existing, azureStorageAccountId: idOfType("Microsoft.Storage/storageAccounts") }),
);
const policy = existingOr(
  { protectionProfileId: armIdField },
  a2aPolicy
    .partial()
    .required({ multiVmSyncStatus: true })
    .extend({ resourceType: z.literal("New"), policyName: name }),
);
const network = existingOr(
  {
    recoveryVirtualNetworkId: idOfType("Microsoft.Network/virtualNetworks"),
    recoverySubnetName: z.string().min(1).max(2048).optional(),
  },
  z.object({
    resourceType: z.literal("New"),
    recoveryVirtualNetworkName: notHere(
      "it is named after the source's network: leave it out, or name the copy in leeward.target.names",
    ),
    recoveryVirtualNetworkResourceGroupName: z.string().max(90).optional(),
  }),
);
const availabilitySet = existingOr(
  { recoveryAvailabilitySetId: idOfType("Microsoft.Compute/availabilitySets").optional() },
  made,
);
const proximityGroup = existingOr(
  { recoveryProximityPlacementGroupId: idOfType("Microsoft.Compute/proximityPlacementGroups").optional() },
  made,
);

/** What is checked by its length alone is checked again as a field of the enablement that comes of it. */
const managedDisk = sparse(
  z.object({
    diskId: armIdField,
    primaryStagingStorageAccountCustomInput: account.optional(),
    recoveryResourceGroupCustomInput: sparse(
      z.object({ resourceType: existing, recoveryResourceGroupId: armIdField.optional() }),
    ).optional(),
    recoveryReplicaDiskAccountType: z.string().max(64).optional(),
    recoveryTargetDiskAccountType: z.string().max(64).optional(),
    recoveryDiskEncryptionSetId: z.string().max(2048).optional(),
    diskEncryptionInfo: diskKeys,
  }),
);

const fields = z.object({
  instanceType: z.literal("A2A"),
  /** The source VM. */
  fabricObjectId: idOfType("Microsoft.Compute/virtualMachines"),
  primaryLocation: location,
  recoveryLocation: location,
  recoverySubscriptionId: z.string().max(100),
  recoveryAvailabilityType: z.enum(["Single", "AvailabilitySet", "AvailabilityZone"]),
  recoveryResourceGroupId: armIdField,
  protectionProfileCustomInput: policy.optional(),
  primaryStagingStorageAccountCustomInput: account.optional(),
  recoveryAvailabilitySetCustomInput: availabilitySet.optional(),
  recoveryVirtualNetworkCustomInput: network.optional(),
  recoveryProximityPlacementGroupCustomInput: proximityGroup.optional(),
  recoveryAvailabilityZone: z.string().max(8).optional(),
  recoveryBootDiagStorageAccount: account.optional(),
  vmManagedDisks: z.array(managedDisk).max(64).optional(),
  multiVmGroupName: z.string().max(200).optional(),
  multiVmGroupId: z.string().max(2048).optional(),
  ...updateSettings,
  vmDisks: unmanagedDisks,
  autoProtectionOfDataDisk: autoProtection,
  diskEncryptionInfo: diskKeys,
});
export type IntentDetails = z.output<typeof fields>;

/** What would contradict another field, which decides. */
function checkTogether(details: IntentDetails, context: z.RefinementCtx): void {
  const wrong = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  const { recoveryAvailabilityType: type, recoveryAvailabilityZone: zone } = details;
  const [, , subscription = "", , group = ""] = details.recoveryResourceGroupId.split("/");
  if (!isSame(details.recoverySubscriptionId, subscription))
    wrong(["recoverySubscriptionId"], `recoveryResourceGroupId is of ${subscription}`);
  if (type === "AvailabilityZone" && zone === undefined)
    wrong(["recoveryAvailabilityZone"], "needed, as recoveryAvailabilityType is AvailabilityZone");
  if (type !== "AvailabilityZone" && zone !== undefined)
    wrong(["recoveryAvailabilityType"], "recoveryAvailabilityZone is given: AvailabilityZone");
  if (type !== "AvailabilitySet" && details.recoveryAvailabilitySetCustomInput)
    wrong(["recoveryAvailabilityType"], "recoveryAvailabilitySetCustomInput is given: AvailabilitySet");
  const input = details.recoveryVirtualNetworkCustomInput;
  const named = input?.resourceType === "New" ? input.recoveryVirtualNetworkResourceGroupName : undefined;
  if (named !== undefined && !isSame(named, group))
    wrong(
      ["recoveryVirtualNetworkCustomInput", "recoveryVirtualNetworkResourceGroupName"],
      `it is made where the machine comes up, in ${group}`,
    );
}

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Body of `PUT …/replicationProtectionIntents/{name}`: ASR's CreateProtectionIntentInput for Azure to Azure. */
export const intentRequest = z.object({
  properties: sparse(
    z.object({
      providerSpecificDetails: sparse(fields.superRefine(checkTogether)),
      /** As of an item: ours, and strict. */
      leeward: z.unknown().optional(),
    }),
  ),
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
