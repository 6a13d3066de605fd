import { z } from "zod";
import { a2aPolicy } from "../core/a2a-policy.ts";
import { sparse } from "./field.ts";

const input = a2aPolicy.partial().extend({ instanceType: z.literal("A2A") });

/** Ours, and strict: a policy of `docs/api.md`, of which every field may be left out. */
const leeward = z.strictObject({ policy: z.record(z.string(), z.unknown()).optional() }).prefault({});

/** Body of `PUT …/replicationPolicies/{name}`: ASR's CreatePolicyInput for Azure to Azure. */
export const policyRequest = z.object({
  properties: z.object({
    providerSpecificInput: sparse(input.required({ multiVmSyncStatus: true })),
    leeward,
  }),
});

/** Body of `PATCH …/replicationPolicies/{name}`: ASR's UpdatePolicyInput. What is left out stays as it is. */
export const policyUpdate = z.object({
  properties: sparse(z.object({ replicationProviderSettings: sparse(input).optional(), leeward })).prefault(
    {},
  ),
});

/** ASR's policy. */
export const policyView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationPolicies"),
  properties: z.object({
    friendlyName: z.string(),
    providerSpecificDetails: z.object({
      instanceType: z.literal("A2A"),
      recoveryPointThresholdInMinutes: z.literal(0),
      recoveryPointHistory: z.number(),
      appConsistentFrequencyInMinutes: z.number(),
      multiVmSyncStatus: z.enum(["Enabled", "Disabled"]),
      crashConsistentFrequencyInMinutes: z.number(),
    }),
    leeward: z.object({
      /** Everything that a machine goes by, unless it was given something else itself. */
      policy: z.record(z.string(), z.unknown()),
      /** What of it was given in Leeward's own words. */
      given: z.record(z.string(), z.unknown()),
    }),
  }),
});
export type PolicyView = z.infer<typeof policyView>;
