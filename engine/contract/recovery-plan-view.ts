import { z } from "zod";

const action = z.object({
  actionName: z.string(),
  failoverTypes: z.array(z.string()),
  failoverDirections: z.array(z.string()),
  customDetails: z.looseObject({ instanceType: z.string() }),
});

/** ASR's RecoveryPlan. */
export const recoveryPlanView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationRecoveryPlans"),
  properties: z.object({
    friendlyName: z.string(),
    primaryFabricId: z.string(),
    primaryFabricFriendlyName: z.string(),
    recoveryFabricId: z.string(),
    recoveryFabricFriendlyName: z.string(),
    failoverDeploymentModel: z.string(),
    replicationProviders: z.array(z.string()),
    allowedOperations: z.array(z.string()),
    lastPlannedFailoverTime: z.string().nullable(),
    lastUnplannedFailoverTime: z.string().nullable(),
    lastTestFailoverTime: z.string().nullable(),
    currentScenario: z.object({ scenarioName: z.string(), jobId: z.string(), startTime: z.string() }),
    currentScenarioStatus: z.string().nullable(),
    currentScenarioStatusDescription: z.null(),
    groups: z.array(
      z.object({
        groupType: z.string(),
        replicationProtectedItems: z.array(
          z.object({ id: z.string(), virtualMachineId: z.string().nullable() }),
        ),
        startGroupActions: z.array(action),
        endGroupActions: z.array(action),
      }),
    ),
    providerSpecificDetails: z.array(z.looseObject({ instanceType: z.literal("A2A") })),
  }),
});
export type RecoveryPlanView = z.infer<typeof recoveryPlanView>;
