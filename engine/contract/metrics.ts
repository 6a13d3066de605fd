import { z } from "zod";
import { allWatermarks, bothLosses } from "./figures.ts";

/**
 * Guest bytes on their way, what a comparison copied among them, and when both will be through if all goes on as it does;
 * null while they do not get fewer.
 */
const backlog = z.object({
  bytes: z.number(),
  copiedBytes: z.number(),
  etaSeconds: z.number().nullable(),
});

/** What the guest writes, as means of the last minutes. */
const churn = z.object({ bytesPerSecond: z.number(), writesPerSecond: z.number() });

/** Answer of `GET {item}/leewardMetrics`. What is not known is null; ratios are of bytes before to bytes after. */
export const machineMetrics = z.object({
  machine: z.string(),
  /** When the figures were read, ISO 8601. */
  time: z.string(),
  generation: z.number(),
  watermarks: allWatermarks,
  losses: bothLosses.nullable(),
  churn,
  backlog: z.object({
    /** Captured, not yet durable in the cache. */
    cache: backlog,
    /** Captured, not yet arrived in the target region. */
    region: backlog,
    /** Arrived, not yet applied to the replica. */
    replica: z.object({ bytes: z.number(), copiedBytes: z.number() }),
  }),
  /** Bytes that arrived, copies among them, to bytes that the agent uploaded, in this generation. */
  compression: z.number().nullable(),
  /** Bytes that checkpoints merged to bytes that they wrote to the replica. */
  merge: z.number().nullable(),
  /** The share of all blocks that this round of the scrub has compared, and when a round was last whole. */
  verified: z.object({ fraction: z.number(), wholeTime: z.string().nullable() }).nullable(),
  points: z.object({ newestAgeSeconds: z.number().nullable(), bad: z.number() }),
  /** Of the last drill that succeeded: how long ago it began, and from its request to the running machine. */
  drill: z.object({ ageSeconds: z.number(), rtoSeconds: z.number().nullable() }).nullable(),
  disks: z.array(
    z.object({
      index: z.number(),
      name: z.string(),
      size: z.number(),
      churn,
      verifiedFraction: z.number().nullable(),
    }),
  ),
});
export type MachineMetrics = z.infer<typeof machineMetrics>;
