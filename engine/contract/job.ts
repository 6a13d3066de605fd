import { z } from "zod";
import { plannedResources } from "./plan.ts";
import { bothLosses, passedOver } from "./figures.ts";
import { targetBuild } from "./target-build.ts";

const failure = z.object({
  serviceErrorDetails: z.object({
    code: z.string(),
    message: z.string(),
    recommendedAction: z.string(),
    activityId: z.string(),
  }),
  errorLevel: z.string(),
  taskId: z.string(),
});

const task = z.object({
  taskId: z.string(),
  name: z.string(),
  friendlyName: z.string(),
  state: z.string(),
  startTime: z.string(),
  endTime: z.string().nullable(),
});

/** ASR's job; its name is the id of the operation that started it. */
export const job = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.object({
    activityId: z.string(),
    scenarioName: z.string(),
    friendlyName: z.string(),
    state: z.enum(["InProgress", "Succeeded", "Failed", "Cancelled"]),
    stateDescription: z.string(),
    tasks: z.array(task),
    errors: z.array(failure),
    startTime: z.string(),
    endTime: z.string().nullable(),
    allowedActions: z.array(z.string()),
    targetObjectId: z.string(),
    targetObjectName: z.string(),
    targetInstanceType: z.string(),
    /** What a failover came to, once it has ended: the last write that was kept, and both losses. */
    leeward: z
      .object({
        point: z.string(),
        sequence: z.number(),
        losses: bothLosses.nullable(),
        announced: z.object({ seconds: z.number(), bytes: z.number(), writes: z.number() }),
        build: targetBuild,
      })
      .nullable(),
    leewardPassedOver: passedOver,
    /** Of a removal: what it has deleted, or was about to when it failed, and what it left, and why. */
    leewardRemoved: z
      .object({
        deleted: z.array(
          z.object({
            type: z.string(),
            name: z.string(),
            count: z.number().nullable(),
            bytes: z.number().nullable(),
          }),
        ),
        left: z.array(z.object({ type: z.string(), name: z.string(), why: z.string() })),
        /** So many others were deleted, or left, than are named. */
        unnamed: z.object({ deleted: z.number(), left: z.number() }),
      })
      .nullable(),
    /** Of a failover of a group: its members, of whom `tasks` names 100 at most, those that failed first. */
    leewardMembers: z
      .object({ total: z.number(), succeeded: z.number(), failed: z.number(), inProgress: z.number() })
      .nullable(),
    /** Of an enablement that is read by its name: what it makes, adopts or takes. */
    leewardPlan: plannedResources.nullable(),
    /** Of a test failover; its time to recover once the machine runs. */
    leewardTest: z
      .object({
        /** It is cleaned up by itself. */
        drill: z.boolean(),
        point: z.string(),
        pointTime: z.string(),
        road: z.enum(["import", "upload"]),
        vmId: z.string(),
        networkId: z.string(),
        rtoSeconds: z.number().nullable(),
      })
      .nullable(),
    /** What a removal, or a clean-up, deletes and, once it has ended well, has deleted; and what it left, and why. */
    leewardDeleted: z
      .object({
        deleted: z.array(
          z.object({
            type: z.string(),
            name: z.string(),
            count: z.number().optional(),
            bytes: z.number().optional(),
          }),
        ),
        left: z.array(z.object({ type: z.string(), name: z.string(), why: z.string() })),
        unnamed: z.object({ deleted: z.number(), left: z.number() }),
      })
      .nullable(),
    /** Of a reversal: what the machine will have otherwise than before, and what of its old disks could not be compared. */
    leewardChanges: z.array(z.string()).nullable(),
    /** The user's, of the clean-up of a test. */
    leewardComments: z.string().nullable(),
    customDetails: z.union([
      z.object({
        instanceType: z.literal("ExportJobDetails"),
        /** To be fetched with a token of this API; it holds the jobs as they are then. */
        blobUri: z.string(),
        sasToken: z.literal(""),
      }),
      z.object({ instanceType: z.literal("AsrJobDetails") }),
    ]),
  }),
});
export type Job = z.infer<typeof job>;

const text = z.string().max(100).optional();

/** Body of `POST …/replicationJobs/export`: ASR's JobQueryParameter. Empty text asks for nothing. */
export const exportRequest = z.object({
  startTime: text,
  endTime: text,
  jobStatus: text,
  jobName: text,
  affectedObjectTypes: text,
});

/** Body of `POST …/replicationJobs/{name}/resume`: ASR's ResumeJobParams. */
export const resumeRequest = z.object({
  properties: z.object({ comments: z.string().max(1024).optional() }).prefault({}),
});
