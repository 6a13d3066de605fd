import { z } from "zod";
import { drillSummary } from "./drill.ts";
import { lostView } from "./losses.ts";
import { targetBuild } from "./target-build.ts";
import { vmNic } from "./vm-nic.ts";
import { allWatermarks, bothLosses, passedOver } from "./figures.ts";
import { healthError } from "./health-error.ts";

const jobStep = z.object({
  name: z.string(),
  state: z.enum(["InProgress", "Succeeded", "Failed"]),
  startTime: z.string(),
  endTime: z.string().optional(),
});

const coverage = z.object({
  /** Of all blocks, those that the present round of the scrub has read. */
  fraction: z.number(),
  /** When the round began. */
  since: z.string(),
  /** When the last round had read everything; null before the first did. */
  wholeTime: z.string().nullable(),
});

const verification = z.object({
  /** When a comparison of the newest point was asked for; null when there is none that waits. */
  requestedTime: z.string().nullable(),
  verifiedPoint: z.string().nullable(),
  verifiedTime: z.string().nullable(),
  coverage,
  /** The replica's snapshots; the figures above are of the journal. */
  replica: z.object({
    verifiedPoint: z.string().nullable(),
    verifiedTime: z.string().nullable(),
    coverage,
  }),
  bad: z.array(
    z.object({
      road: z.enum(["journal", "replica"]),
      point: z.string(),
      pointTime: z.string(),
      foundTime: z.string(),
      code: z.string(),
      message: z.string(),
      count: z.number(),
      /** The first of the `count` blocks that differ. */
      blocks: z.array(z.object({ disk: z.number(), block: z.number() })),
    }),
  ),
  /** The newest resync that a bad point called for; one that was not begun waits for a person. */
  resync: z.object({ generation: z.number(), requestedTime: z.string(), begun: z.boolean() }).nullable(),
});

const retention = z.object({
  /** When a run last came to its end; null before the first. */
  lastRun: z.string().nullable(),
  /** Kept points by the interval, in milliseconds, that one is kept of; 0: all of their age are. */
  points: z.array(z.object({ every: z.number(), points: z.number() })),
  /** Since the machine was enabled: points that were thinned, objects that were deleted, layers that were built. */
  dropped: z.number(),
  deletedObjects: z.number(),
  built: z.number(),
  /** What the journal takes in the target's storage as of the last run. */
  segments: z.object({ objects: z.number(), bytes: z.number() }).nullable(),
  layers: z.object({ layers: z.number(), bytes: z.number() }).nullable(),
  /** A large layer that is built in pieces; null while there is none. `done` of `total` are bytes of its stage. */
  building: z
    .object({
      point: z.string(),
      stage: z.enum(["sorting", "merging"]),
      done: z.number(),
      total: z.number(),
      beganTime: z.string(),
      lastTime: z.string(),
    })
    .nullable(),
  /** Of all layers built: guest bytes written between their ends to bytes that are left of them, and these to bytes stored. */
  merge: z.number().nullable(),
  compression: z.number().nullable(),
});

const resyncResult = z.object({
  reason: z.string(),
  beganTime: z.string(),
  endedTime: z.string(),
  /** Bytes of blocks that differed. */
  sent: z.number(),
});

const resync = z.object({
  /** Behind `comparing` come the proof and the first point: `proving`, then `ended`. */
  state: z.enum(["requested", "preparing", "comparing", "proving", "ended"]),
  /** `continuity`, `crash`, `verification`, `operator`, `schedule` or `reversal`. */
  reason: z.string(),
  beganTime: z.string(),
  /** The point that the disks are compared with; null when everything is copied. */
  base: z.string().nullable(),
  sent: z.number().nullable(),
  /** Bytes of these that have not arrived in the target region; null while nothing is compared. */
  waiting: z.number().nullable(),
  /** Whether `marked` regions are compared or `all`, as the agent says; and why all, where marks would have done. */
  scope: z.string().nullable(),
  scopeReason: z.string().nullable(),
  endedTime: z.string().nullable(),
  last: resyncResult.nullable(),
});

const readiness = z.object({
  /** When the source and the target region were last read; null before the first time. */
  checkedTime: z.string().nullable(),
  /** Why the last look failed; what was found before stands. */
  problem: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Everything that was found, the errors first; codes are those of `docs/eligibility.md`. */
  findings: z.array(
    z.object({
      code: z.string(),
      level: z.enum(["Error", "Warning"]),
      message: z.string(),
      remedy: z.string(),
      sinceTime: z.string(),
    }),
  ),
});

const progress = z.object({
  phase: z.string(),
  done: z.number().optional(),
  total: z.number().optional(),
  rate: z.number().optional(),
  etaSeconds: z.number().optional(),
  percentComplete: z.number(),
  steps: z.array(jobStep),
});

/** The test failover that there is, from its request to the end of its clean-up. */
const test = z.object({
  state: z.enum(["making", "ready", "failed", "cleaning", "cleanupFailed"]),
  /** Its newest job. */
  operation: z.string(),
  /** It is a drill: it is cleaned up by itself. */
  drill: z.boolean(),
  network: z.enum(["isolated", "sealed", "named"]),
  networkId: z.string(),
  vmId: z.string(),
  /** What it is built from; null until that is chosen. `write` as of a failover. */
  point: z.string().nullable(),
  pointTime: z.string().nullable(),
  write: z.object({ generation: z.number(), sequence: z.number() }).nullable(),
  consistency: z.string().nullable(),
  road: z.enum(["import", "upload"]).nullable(),
  startTime: z.string(),
  endTime: z.string().nullable(),
  /** From the request to the running machine. */
  rtoSeconds: z.number().nullable(),
  /** Newer points that could not be read, as of a failover. */
  passedOver,
  progress: progress.nullable(),
  failure: z.object({ code: z.string(), message: z.string(), step: z.string() }).nullable(),
  build: targetBuild,
});

/** The last test that succeeded and was cleaned up. */
const formerTest = z.object({
  operation: z.string(),
  point: z.string(),
  pointTime: z.string(),
  road: z.enum(["import", "upload"]),
  startTime: z.string(),
  rtoSeconds: z.number(),
  cleanedTime: z.string(),
  comments: z.string().nullable(),
});

/** What stands in `properties.leeward` of a protected item, beside ASR's own properties. */
export const leewardItem = z.object({
  machine: z.string(),
  state: z.string(),
  generation: z.number(),
  /** What would be lost if the machine, or its whole region, were gone now; null while there is nothing to count. */
  losses: bothLosses.nullable(),
  watermarks: allWatermarks,
  policy: z.record(z.string(), z.unknown()),
  /** The job at work, or the agent's initial copy. Bytes, and bytes a second, where the step at work moves bytes. */
  progress: progress.nullable(),
  /** The agent's last report; null before the first. */
  agent: z
    .object({
      version: z.string(),
      /** This app rolls out a newer one. */
      upgradeAvailable: z.boolean(),
      mode: z.string(),
      lastHeartbeat: z.string().nullable(),
      /** Recorded and not in the cache: guest bytes, and what a comparison copied. */
      backlog: z.object({ segments: z.number(), bytes: z.number(), copiedBytes: z.number() }),
      /** Of the guest, in this generation. */
      capturedBytes: z.number(),
      uploadedBytes: z.number(),
      /** What it does about a cache that takes too little; null when it did not say. */
      pressure: z
        .object({
          rung: z.enum(["normal", "slow", "merging", "broken"]),
          sinceTime: z.string(),
          /** Changes since then that are not in the journal; `bytes` at most. */
          unrecorded: z.object({ bytes: z.number(), writes: z.number() }).nullable(),
        })
        .nullable(),
    })
    .nullable(),
  shipped: z.object({ segments: z.number(), objects: z.number(), bytes: z.number() }),
  /** How far points were compared with what the source had; null before the first comparison began. */
  verification: verification.nullable(),
  /** The comparison that the present generation began with; null for a machine that never needed one. */
  resync: resync.nullable(),
  /** What is kept of points and journal; null before retention ran. */
  retention: retention.nullable(),
  /** Whether the machine would still come up in its target; null before the first look. */
  readiness: readiness.nullable(),
  /** The group whose common recovery points it takes part in. */
  group: z.object({ id: z.string(), name: z.string() }).nullable(),
  test: test.nullable(),
  formerTest: formerTest.nullable(),
  drill: drillSummary,
  latestPoint: z.object({ id: z.string(), time: z.string(), sequence: z.number() }).nullable(),
  /** The last failover; `announced` is everything after the point or the write that it went to. */
  failover: z
    .object({
      operation: z.string(),
      /** Of the recovery point; between points an id that only names what was built, see `write`. */
      point: z.string(),
      pointTime: z.string(),
      /** Set when it went to no recovery point but to the state after any write; `pointTime` is then that write's. */
      write: z.object({ generation: z.number(), sequence: z.number() }).nullable(),
      consistency: z.string(),
      /** Both, as they stood when the failover chose; null when nothing had been reported. */
      losses: bothLosses.nullable(),
      road: z.enum(["import", "upload"]),
      startTime: z.string(),
      endTime: z.string().nullable(),
      rtoSeconds: z.number().nullable(),
      announced: z.object({
        after: z.number(),
        seconds: z.number(),
        writes: z.number(),
        bytes: z.number(),
        knownSequence: z.number(),
        /** Microseconds since 1970, by the source's clock. */
        knownUntil: z.number(),
      }),
      /** What was really lost, as far as the old side could be read; null before the first look. */
      lost: lostView.nullable(),
      passedOver,
      steps: z.array(jobStep),
      targetVmId: z.string(),
      build: targetBuild,
    })
    .nullable(),
});

/** Answer of `GET …/replicationProtectedItems/{name}`: ASR's resource, with `leeward` beside its properties. */
export const protectedItem = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.looseObject({
    friendlyName: z.string(),
    protectionState: z.string(),
    protectionStateDescription: z.string(),
    activeLocation: z.enum(["Primary", "Recovery"]),
    allowedOperations: z.array(z.string()),
    replicationHealth: z.enum(["None", "Normal", "Warning", "Critical"]),
    healthErrors: z.array(healthError),
    providerSpecificDetails: z.looseObject({
      instanceType: z.literal("A2A"),
      fabricObjectId: z.string(),
      rpoInSeconds: z.number().nullable(),
      vmProtectionState: z.string(),
      monitoringPercentageCompletion: z.number().nullable(),
      vmNics: z.array(vmNic),
    }),
    leeward: leewardItem,
  }),
});
export type ProtectedItem = z.infer<typeof protectedItem>;
export type LeewardItem = ProtectedItem["properties"]["leeward"];
