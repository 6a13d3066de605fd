import { z } from "zod";
import { LeewardError } from "../core/errors.ts";
import { type ArmId, type OperationId, armId, operationId, sameArmId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";
import { lastSegment } from "./item.ts";

const arm = z.string().transform(checked(armId));
const time = z.number().transform(checked(micros));

/** What is done before a group, or behind it. Its details are ASR's; `engine/contract/recovery-plan.ts` checks them. */
const action = z.object({
  actionName: z.string(),
  /** For which kinds of runs. */
  failoverTypes: z.array(z.string()),
  failoverDirections: z.array(z.string()),
  customDetails: z.discriminatedUnion("instanceType", [
    /** Somebody resumes the job. */
    z.object({ instanceType: z.literal("ManualActionDetails"), description: z.string().optional() }),
    /** An address that is called. It may hold a secret: it is shown without its query. */
    z.object({
      instanceType: z.literal("ScriptActionDetails"),
      path: z.string(),
      timeout: z.string().optional(),
      fabricLocation: z.enum(["Primary", "Recovery"]),
    }),
  ]),
});
export type PlanAction = z.infer<typeof action>;

const group = z.object({
  groupType: z.enum(["Shutdown", "Failover", "Boot"]),
  items: z.array(arm),
  start: z.array(action),
  end: z.array(action),
});
export type PlanGroup = z.infer<typeof group>;

/** What a plan can be run for; each is done to all of its items. */
export const RUNS = [
  "UnplannedFailover",
  "PlannedFailover",
  "TestFailover",
  "TestFailoverCleanup",
  "Commit",
  "CancelFailover",
  "ReverseReplicate",
] as const;
export type RunType = (typeof RUNS)[number];

/** The newest run. */
const run = z.object({
  operation: z.string().transform(checked(operationId)),
  type: z.enum(RUNS),
  startTime: time,
  ended: z.boolean(),
  /** What each item goes to; ASR's words and ours. */
  recoveryPointType: z.enum(["Latest", "LatestProcessed", "LatestApplicationConsistent"]).optional(),
  /** The sources are shut down before, as far as they can be. */
  shutDown: z.literal("attempt").optional(),
  /** Of a test. */
  networkId: arm.optional(),
  sealed: z.boolean().optional(),
  comments: z.string().optional(),
});
export type PlanRun = z.infer<typeof run>;

/** Machines that are failed over one group after the other. Kind `recoveryPlan`, by `resourceKey`; changed by compare-and-swap. */
export const recoveryPlanRecord = z.object({
  format: z.literal(1),
  id: arm,
  primaryFabricId: z.string(),
  recoveryFabricId: z.string(),
  groups: z.array(group),
  run: run.optional(),
  /** When a run of each type last succeeded. */
  succeeded: z.partialRecord(z.enum(RUNS), time).optional(),
});
export type RecoveryPlan = z.infer<typeof recoveryPlanRecord>;

/**
 * The plan once a run of it has begun. A request that is sent again changes nothing.
 * @throws Conflict while a run is at work
 */
export function beginRun(old: RecoveryPlan, asked: Omit<PlanRun, "ended">): RecoveryPlan {
  if (old.run?.operation === asked.operation) return old;
  checkIdle(old);
  return { ...old, run: { ...asked, ended: false } };
}

/** @throws Conflict while a run is at work */
export function checkIdle({ id, run: newest }: RecoveryPlan): void {
  if (newest && !newest.ended)
    throw new LeewardError(
      "Conflict",
      `job ${newest.operation} (${newest.type}) is at work on ${lastSegment(id)}`,
    );
}

/** The plan once its run has ended. A second run of this finds it done. */
export function withRunEnded(
  old: RecoveryPlan,
  operation: OperationId,
  well: boolean,
  now: Micros,
): RecoveryPlan {
  const { run: newest } = old;
  if (newest?.operation !== operation || newest.ended) return old;
  const succeeded = well ? { ...old.succeeded, [newest.type]: now } : old.succeeded;
  return { ...old, run: { ...newest, ended: true }, ...(succeeded && { succeeded }) };
}

/** Those of a group that are done in a run of this type; machines move from their primary side only. */
export const actionsFor = (actions: readonly PlanAction[], type: RunType): readonly PlanAction[] =>
  actions.filter(
    ({ failoverTypes, failoverDirections }) =>
      failoverTypes.includes(type) && failoverDirections.includes("PrimaryToRecovery"),
  );

/** @throws InvalidRequest for an item that is named twice, or an action that no run carries out */
export function checkGroups(groups: readonly PlanGroup[]): void {
  for (const [at, { start, end }] of groups.entries()) {
    checkActions(`properties.groups.${at}.startGroupActions`, start);
    checkActions(`properties.groups.${at}.endGroupActions`, end);
  }
  const all: ArmId[] = [];
  for (const id of groups.flatMap(({ items }) => items)) {
    if (all.some((one) => sameArmId(one, id)))
      throw new LeewardError("InvalidRequest", `properties.groups: ${lastSegment(id)} is named twice`);
    all.push(id);
  }
}

function checkActions(field: string, actions: readonly PlanAction[]): void {
  for (const [at, action] of actions.entries())
    if (!RUNS.some((type) => actionsFor([action], type).length > 0))
      throw new LeewardError(
        "InvalidRequest",
        `${field}.${at}: no run would carry it out: failoverDirections is to have PrimaryToRecovery, and failoverTypes one of ${RUNS.join(", ")}`,
      );
}
