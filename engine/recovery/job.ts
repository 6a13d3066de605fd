import { hash } from "node:crypto";
import { z } from "zod";
import { checked } from "../core/schema.ts";
import {
  type ArmId,
  type BarrierId,
  type OperationId,
  armId,
  barrierId,
  machineId,
  operationId,
  uuidOf,
} from "../core/ids.ts";
import { micros } from "../core/units.ts";
import { announcement } from "./announce.ts";
import { losses, stepReport } from "./item.ts";
import { passedOver } from "./passed-over.ts";
import { RUNS } from "./recovery-plan.ts";
import { removed } from "./removed.ts";
import { type ShutDown, shutDown } from "./shut-down-wish.ts";
import { targetBuild } from "./target-build.ts";
import { type WantedMoment, wantedMoment } from "./wanted-moment.ts";
import { stepFailure } from "./step-failure.ts";

const time = z.number().transform(checked(micros));

/** Writes of what a vault has beside items, each done before it is answered. */
const CONFIGURATIONS = [
  "putFabric",
  "removeFabric",
  "putContainer",
  "removeContainer",
  "putPolicy",
  "removePolicy",
  "putContainerMapping",
  "removeContainerMapping",
  "putNetworkMapping",
  "removeNetworkMapping",
  "putVaultSetting",
  "refreshHealth",
  "checkConsistency",
  "exportJobs",
  "putRecoveryPlan",
  "removeRecoveryPlan",
  "addDisks",
  "removeDisks",
] as const;
export type Configuration = (typeof CONFIGURATIONS)[number];

/** One operation on an item, from request to outcome. Kind `job`, keyed by its operation id. */
export const jobRecord = z.object({
  format: z.literal(1),
  operation: z.string().transform(checked(operationId)),
  kind: z.enum([
    "enable",
    "failover",
    "changePoint",
    "commit",
    "cancelFailover",
    "groupFailover",
    "disable",
    "upgradeAgent",
    "reverse",
    "testFailover",
    "testFailoverCleanup",
    "configure",
    "recoveryPlan",
  ]),
  /** Of `recoveryPlan`, whose `item` is the plan: what it was run for. */
  run: z.enum(RUNS).optional(),
  /** Of `configure`, which is a write of something in the vault that was done at once: what was written, and how. */
  configuration: z.enum(CONFIGURATIONS).optional(),
  /** Of an export of jobs: of which. */
  exported: z
    .object({
      startTime: z.string().optional(),
      endTime: z.string().optional(),
      jobStatus: z.string().optional(),
      jobName: z.string().optional(),
      affectedObjectTypes: z.string().optional(),
    })
    .optional(),
  /** Somebody wanted it to stop; it has failed for that reason when it has failed. */
  cancelledAt: time.optional(),
  /** Of a group's job, the group; of `configure`, the resource. */
  item: z.string().transform(checked(armId)),
  /** Absent for a group's job, and for `configure`. */
  machine: z.string().transform(checked(machineId)).optional(),
  /** Of a group's job: how many members it has, who are listed elsewhere; and how many of their jobs have ended. */
  members: z.number().int().optional(),
  settled: z.object({ succeeded: z.number().int(), failed: z.number().int() }).optional(),
  /** The recovery point that a failover asked for; the latest one when absent. */
  point: z.string().transform(checked(barrierId)).optional(),
  /** Or the state between points that it asked for. */
  moment: wantedMoment.optional(),
  /** Of a failover that shuts its source down before. */
  shutDown: shutDown.optional(),
  state: z.enum(["InProgress", "Succeeded", "Failed"]),
  startTime: time,
  endTime: time.optional(),
  steps: z.array(stepReport),
  /** What a failover came to: the write that it ends with, both losses, and the loss that it announced. */
  outcome: z
    .object({
      point: z.string().transform(checked(barrierId)),
      /** Of the last write that was kept. */
      sequence: z.number(),
      losses: losses.optional(),
      announced: announcement,
      build: targetBuild.optional(),
    })
    .optional(),
  /** Of a reversal: what the machine will have otherwise than before, and what could not be compared, in words. */
  changes: z.array(z.string()).optional(),
  /** What a removal, or the clean-up of a test, has deleted, and what it left. */
  removed: removed.optional(),
  /** Of a failover: newer points that could not be read. */
  passedOver: passedOver.optional(),
  /** Of a test failover that is a drill. */
  drill: z.boolean().optional(),
  /** What a test failover came to. */
  test: z
    .object({
      point: z.string().transform(checked(barrierId)),
      pointTime: time,
      road: z.enum(["import", "upload"]),
      vm: z.string(),
      network: z.string(),
      /** From the request to the running machine. */
      rtoSeconds: z.number().optional(),
    })
    .optional(),
  /** The user's, about what was tested. */
  comments: z.string().optional(),
  failure: stepFailure.optional(),
});
export type JobRecord = z.infer<typeof jobRecord>;
export type JobKind = JobRecord["kind"];

/** It chooses a point, and builds the target from it. */
export const isFailover = (kind: JobKind): boolean => kind === "failover" || kind === "changePoint";

/** A job of one item. */
export type ItemJob = JobRecord & {
  readonly kind: Exclude<JobKind, "groupFailover" | "configure" | "recoveryPlan">;
  readonly machine: NonNullable<JobRecord["machine"]>;
};

/** What an orchestration of a job is started with; the same again when it has to be started anew. */
export interface JobInput {
  readonly operation: OperationId;
  readonly machine: ItemJob["machine"];
  readonly point?: BarrierId;
  readonly moment?: WantedMoment;
  readonly shutDown?: ShutDown;
}

export const jobInput = (job: ItemJob): JobInput => ({
  operation: job.operation,
  machine: job.machine,
  ...(job.point && { point: job.point }),
  ...(job.moment && { moment: job.moment }),
  ...(job.shutDown && { shutDown: job.shutDown }),
});

/**
 * The operation id of a request: the same for a request that is sent again. `token` is the client's request id, or what
 * else tells two wishes for the same thing apart.
 */
export function operationFor(item: ArmId, kind: JobKind, token: string): OperationId {
  return operationId(uuidOf(hash("sha256", [item.toLowerCase(), kind, token].join("\n"), "buffer")));
}
