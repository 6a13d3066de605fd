import { z } from "zod";
import { armIdField, sparse } from "./field.ts";
import { cloudServiceOption, edgeZone, notHere } from "./refused-field.ts";
import { TWO_NETWORKS, isOneNetwork, networkFields } from "./test-failover.ts";

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
  customDetails: sparse(
    z.discriminatedUnion(
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
          timeout: notHere("an address is waited for a minute, three times: leave it out"),
          fabricLocation: z.literal(
            "Recovery",
            "the app calls it from the region that machines go to: Recovery",
          ),
        }),
      ],
      { error: "only ManualActionDetails, and ScriptActionDetails with an https address, are carried out" },
    ),
  ),
});

const group = sparse(
  z.object({
    groupType: z.enum(["Shutdown", "Failover", "Boot"]),
    replicationProtectedItems: z
      .array(sparse(z.object({ id: armIdField, virtualMachineId: z.string().max(2048).optional() })))
      .max(MOST_ITEMS)
      .default([]),
    startGroupActions: z.array(action).max(MOST_ACTIONS).default([]),
    endGroupActions: z.array(action).max(MOST_ACTIONS).default([]),
  }),
);
export type PlanGroupInput = z.output<typeof group>;

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

const zone = notHere("each machine has its own zone: give it to the item (recoveryAvailabilityZone)");

/** Body of `PUT …/replicationRecoveryPlans/{name}`: ASR's CreateRecoveryPlanInput. */
export const recoveryPlanRequest = z.object({
  properties: sparse(
    z.object({
      primaryFabricId: z.string().min(1).max(2048),
      recoveryFabricId: z.string().min(1).max(2048),
      failoverDeploymentModel: z
        .enum(["NotApplicable", "ResourceManager"], "machines are Resource Manager's: ResourceManager")
        .optional(),
      providerSpecificInput: z
        .array(
          z.object({
            instanceType: z.literal("A2A"),
            primaryZone: zone,
            recoveryZone: zone,
            primaryExtendedLocation: edgeZone,
            recoveryExtendedLocation: edgeZone,
          }),
        )
        .max(1)
        .optional(),
      groups,
    }),
  ),
});

/** Body of `PATCH …`: ASR's UpdateRecoveryPlanInput. */
export const recoveryPlanUpdate = z.object({ properties: sparse(z.object({ groups: groups.optional() })) });

const direction = { failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery") };
/** ASR's RecoveryPlanA2AFailoverInput. */
const providerDetails = <Type extends z.ZodType>(recoveryPointType: Type) =>
  z
    .array(
      sparse(
        z.object({
          instanceType: z.literal("A2A"),
          recoveryPointType,
          cloudServiceCreationOption: cloudServiceOption,
          multiVmSyncPointOption: z
            .literal(
              "UsePerVmRecoveryPoint",
              "a plan chooses a point for each machine by itself: fail the group over by its own call",
            )
            .optional(),
        }),
      ),
    )
    .max(1)
    .default([]);

const chosenDetails = providerDetails(
  z.enum(["Latest", "LatestProcessed", "LatestApplicationConsistent", "LatestCrashConsistent"]).optional(),
);

/** ASR's RecoveryPlanUnplannedFailoverInput. */
export const planFailoverRequest = z.object({
  properties: sparse(
    z.object({
      ...direction,
      sourceSiteOperations: z.enum(["Required", "NotRequired"]).default("NotRequired"),
      providerSpecificDetails: chosenDetails,
    }),
  ),
});

/** ASR's RecoveryPlanPlannedFailoverInput. There is nothing to choose: it goes to the last write. */
export const planPlannedFailoverRequest = z.object({
  properties: sparse(
    z.object({
      ...direction,
      providerSpecificDetails: providerDetails(
        z.literal("Latest", "a planned failover goes to the last write: Latest").optional(),
      ),
    }),
  ),
});

/** ASR's RecoveryPlanTestFailoverInput. */
export const planTestRequest = z.object({
  properties: sparse(
    z
      .object({
        ...direction,
        ...networkFields,
        providerSpecificDetails: chosenDetails,
      })
      .refine(isOneNetwork, TWO_NETWORKS),
  ),
});

/** ASR's RecoveryPlanTestFailoverCleanupInput. */
export const planCleanupRequest = z.object({
  properties: sparse(z.object({ comments: z.string().max(1024).optional() })),
});
