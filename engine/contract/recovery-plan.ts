import { z } from "zod";
import { armIdField } from "./field.ts";

const MOST_GROUPS = 20;
const MOST_ITEMS = 100;
const MOST_ACTIONS = 20;

const OPERATIONS = [
  "ReverseReplicate",
  "Commit",
  "PlannedFailover",
  "UnplannedFailover",
  "DisableProtection",
  "TestFailover",
  "TestFailoverCleanup",
  "Failback",
  "FinalizeFailback",
  "CancelFailover",
  "ChangePit",
  "RepairReplication",
  "SwitchProtection",
  "CompleteMigration",
] as const;

const action = z.object({
  actionName: z.string().min(1).max(200),
  failoverTypes: z.array(z.enum(OPERATIONS)).max(OPERATIONS.length),
  failoverDirections: z.array(z.enum(["PrimaryToRecovery", "RecoveryToPrimary"])).max(2),
  customDetails: z.discriminatedUnion(
    "instanceType",
    [
      z.object({
        instanceType: z.literal("ManualActionDetails"),
        description: z.string().max(2000).optional(),
      }),
      z.object({
        instanceType: z.literal("ScriptActionDetails"),
        /** An address that is called with POST. */
        path: z
          .url({ protocol: /^https$/, error: "not an https address: nothing else can be called" })
          .max(2048),
        timeout: z.string().max(64).optional(),
        fabricLocation: z.enum(["Primary", "Recovery"]),
      }),
    ],
    { error: "only ManualActionDetails, and ScriptActionDetails with an https address, are carried out" },
  ),
});

const group = z.object({
  groupType: z.enum(["Shutdown", "Failover", "Boot"]),
  replicationProtectedItems: z
    .array(z.object({ id: armIdField, virtualMachineId: z.string().max(2048).optional() }))
    .max(MOST_ITEMS)
    .default([]),
  startGroupActions: z.array(action).max(MOST_ACTIONS).default([]),
  endGroupActions: z.array(action).max(MOST_ACTIONS).default([]),
});
export type PlanGroupInput = z.infer<typeof group>;

const groups = z
  .array(group)
  .min(1)
  .max(MOST_GROUPS)
  .superRefine((all, context) => {
    for (const [at, { groupType, replicationProtectedItems: items }] of all.entries())
      if (groupType !== "Boot" && items.length > 0)
        context.addIssue({
          code: "custom",
          path: [at, "replicationProtectedItems"],
          message: "machines are in groups of the type Boot",
        });
  });

/** Body of `PUT …/replicationRecoveryPlans/{name}`: ASR's CreateRecoveryPlanInput. */
export const recoveryPlanRequest = z.object({
  properties: z.object({
    primaryFabricId: z.string().min(1).max(2048),
    recoveryFabricId: z.string().min(1).max(2048),
    failoverDeploymentModel: z.enum(["NotApplicable", "ResourceManager"]).optional(),
    groups,
  }),
});

/** Body of `PATCH …`: ASR's UpdateRecoveryPlanInput. */
export const recoveryPlanUpdate = z.object({ properties: z.object({ groups: groups.optional() }) });

const direction = { failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery") };
const providerDetails = z
  .array(
    z.object({
      instanceType: z.literal("A2A"),
      recoveryPointType: z
        .enum(["Latest", "LatestProcessed", "LatestApplicationConsistent", "LatestCrashConsistent"])
        .optional(),
    }),
  )
  .max(1)
  .default([]);

/** ASR's RecoveryPlanUnplannedFailoverInput, and of a planned one. */
export const planFailoverRequest = z.object({
  properties: z.object({
    ...direction,
    sourceSiteOperations: z.enum(["Required", "NotRequired"]).default("NotRequired"),
    providerSpecificDetails: providerDetails,
  }),
});

/** ASR's RecoveryPlanTestFailoverInput. */
export const planTestRequest = z.object({
  properties: z.object({
    ...direction,
    networkType: z.string().max(64),
    networkId: armIdField.optional(),
    providerSpecificDetails: providerDetails,
  }),
});

/** ASR's RecoveryPlanTestFailoverCleanupInput. */
export const planCleanupRequest = z.object({
  properties: z.object({ comments: z.string().max(1024).optional() }),
});
