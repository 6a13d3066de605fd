import { z } from "zod";
import { armIdField, sparse } from "./field.ts";

/** The id of something in a vault, as in `replicationPolicies`. */
const idInVault = (type: string) =>
  armIdField.refine((id) => new RegExp(`/vaults/[^/]+/(.+/)?${type}/[^/]+$`, "i").test(id), {
    message: `not the id of one of a vault's ${type}`,
  });

/** Kept and shown: agents are upgraded when somebody asks for it. */
export const updateSettings = {
  agentAutoUpdateStatus: z.enum(["Enabled", "Disabled"]).optional(),
  automationAccountArmId: z.string().max(2048).optional(),
  automationAccountAuthenticationType: z.enum(["RunAsAccount", "SystemAssignedIdentity"]).optional(),
};

const settings = sparse(z.object({ instanceType: z.literal("A2A"), ...updateSettings }));

/** Body of `PUT …/replicationProtectionContainerMappings/{name}`: ASR's CreateProtectionContainerMappingInput. */
export const containerMappingRequest = z.object({
  properties: sparse(
    z.object({
      policyId: idInVault("replicationPolicies"),
      targetProtectionContainerId: idInVault("replicationProtectionContainers"),
      providerSpecificInput: settings.prefault({ instanceType: "A2A" }),
    }),
  ),
});

/** Body of `PATCH …`: ASR's UpdateProtectionContainerMappingInput. */
export const containerMappingUpdate = z.object({
  properties: sparse(z.object({ providerSpecificInput: settings.optional() })).prefault({}),
});

/** Body of `POST …/remove`: ASR's RemoveProtectionContainerMappingInput. */
export const containerMappingRemoval = z.object({
  properties: sparse(
    z.object({ providerSpecificInput: sparse(z.object({ instanceType: z.string().optional() })).optional() }),
  ).prefault({}),
});

/** ASR's container mapping. */
export const containerMappingView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal(
    "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectionContainerMappings",
  ),
  properties: z.object({
    targetProtectionContainerId: z.string(),
    targetProtectionContainerFriendlyName: z.string(),
    providerSpecificDetails: z.object({
      instanceType: z.literal("A2A"),
      agentAutoUpdateStatus: z.enum(["Enabled", "Disabled"]),
      automationAccountAuthenticationType: z.enum(["RunAsAccount", "SystemAssignedIdentity"]),
      automationAccountArmId: z.string().nullable(),
      scheduleName: z.null(),
      jobScheduleName: z.null(),
    }),
    health: z.literal("Normal"),
    healthErrorDetails: z.array(z.never()),
    policyId: z.string(),
    state: z.literal("Paired"),
    sourceProtectionContainerFriendlyName: z.string(),
    sourceFabricFriendlyName: z.string(),
    targetFabricFriendlyName: z.string(),
    policyFriendlyName: z.string(),
  }),
});
export type ContainerMappingView = z.infer<typeof containerMappingView>;
