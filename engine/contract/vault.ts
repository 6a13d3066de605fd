import { z } from "zod";
import { healthError } from "./health-error.ts";

/** Body of `PUT …/replicationAlertSettings/{name}`: ASR's ConfigureAlertRequest. */
export const alertRequest = z.object({
  properties: z
    .object({
      sendToOwners: z.string().max(32).default("DoNotSend"),
      customEmailAddresses: z.array(z.string().max(320)).max(100).default([]),
      locale: z.string().max(32).default(""),
    })
    .prefault({}),
});

export const alertView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationAlertSettings"),
  properties: z.object({
    sendToOwners: z.string(),
    customEmailAddresses: z.array(z.string()),
    locale: z.string(),
  }),
});
export type AlertView = z.infer<typeof alertView>;

/** Body of `PUT …/replicationVaultSettings/{name}`: ASR's VaultSettingCreationInput. */
export const vaultSettingRequest = z.object({
  properties: z
    .object({
      migrationSolutionId: z.string().max(2048).optional(),
      vmwareToAzureProviderType: z.string().max(100).optional(),
    })
    .prefault({}),
});

export const vaultSettingView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationVaultSettings"),
  properties: z.object({
    migrationSolutionId: z.string().nullable(),
    vmwareToAzureProviderType: z.string().nullable(),
  }),
});
export type VaultSettingView = z.infer<typeof vaultSettingView>;

const summary = z.object({
  resourceCount: z.number(),
  issues: z.array(
    z.object({
      summaryCode: z.string(),
      category: z.string(),
      severity: z.enum(["Warning", "Error"]),
      summaryMessage: z.string(),
      affectedResourceType: z.string(),
      affectedResourceSubtype: z.string(),
      affectedResourceCorrelationIds: z.array(z.string()),
    }),
  ),
  /** How many resources have each health. */
  categorizedResourceCounts: z.record(z.string(), z.number()),
});
export type HealthSummary = z.infer<typeof summary>;

export const vaultHealthView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationVaultHealth"),
  properties: z.object({
    vaultErrors: z.array(healthError),
    protectedItemsHealth: summary,
    fabricsHealth: summary,
    containersHealth: summary,
  }),
});
export type VaultHealthView = z.infer<typeof vaultHealthView>;
