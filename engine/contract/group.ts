import { z } from "zod";
import { barrierIdField } from "./field.ts";

/** What ASR takes as a name. */
export const groupName = z.string().regex(/^[\w.() -]{1,200}$/, "not a name of a group");

/** Body of `POST {item}/joinGroup`. */
export const joinGroupRequest = z.strictObject({
  properties: z.strictObject({ multiVmGroupName: groupName }),
});

/** Body of `POST {group}/failover`. */
export const groupFailoverRequest = z.strictObject({
  properties: z
    .strictObject({
      /** The newest good one when it is left out. */
      recoveryPointId: barrierIdField.optional(),
      recoveryPointType: z.enum(["Latest", "LatestApplicationConsistent"]).optional(),
      acceptBadPoint: z.boolean().default(false),
    })
    .refine((one) => !one.recoveryPointId || !one.recoveryPointType, {
      message: "only one of recoveryPointId and recoveryPointType may be given",
    })
    .prefault({}),
});

const loosePoint = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({
    recoveryPointTime: z.string(),
    recoveryPointType: z.enum(["CrashConsistent", "AppConsistent"]),
    /** `incomplete`: a member does not keep its point any more; `bad`: it is bad for one of them. */
    state: z.enum(["good", "bad", "incomplete"]),
    /** Milliseconds for which writes behind it were not acknowledged. */
    hold: z.number(),
    memberCount: z.number(),
    /** The first 100, by machine; all in the point's own resource. */
    members: z.array(z.object({ machine: z.string(), generation: z.number(), sequence: z.number() })),
  }),
});
export type GroupPointResource = z.infer<typeof loosePoint>;

/** A point whose manifest, and its twin, cannot be read: in `leewardDamaged` beside the list's `value`. */
const damagedGroupPoint = z.object({
  id: z.string(),
  name: z.string(),
  recoveryPointTime: z.string(),
  code: z.string(),
  message: z.string(),
  remedy: z.string(),
});
export type DamagedGroupPoint = z.infer<typeof damagedGroupPoint>;

export const groupResource = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/leewardGroups"),
  properties: z.object({
    multiVmGroupId: z.string(),
    settings: z.record(z.string(), z.unknown()),
    memberCount: z.number(),
    /** The first 100, by machine; `GET {group}/leewardMembers` has all. */
    members: z.array(z.object({ machine: z.string(), joinedTime: z.string() })),
    latestPoint: z.object({ id: z.string(), time: z.string(), consistency: z.string() }).nullable(),
    /** Why the newest barrier became no point, if so. */
    missed: z.object({ time: z.string(), message: z.string() }).nullable(),
    /** The newest failover of all members. */
    failover: z.object({ job: z.string(), point: z.string() }).nullable(),
  }),
});
export type GroupResource = z.infer<typeof groupResource>;
