import { z } from "zod";
import { barrierId } from "../core/ids.ts";
import { digestOf } from "../core/digest.ts";
import { checked } from "../core/schema.ts";
import { bytes, generation, micros, sequence } from "../core/units.ts";

const time = z.number().transform(checked(micros));
const id = z.string().transform(checked(barrierId));

/**
 * Why a machine's disks are compared: the agent lost its place (`continuity`), and that in a crash of the machine (`crash`), a point or its base was found bad
 * (`verification`), a disk has grown (`resize`), disks were added or removed (`disks`), somebody asked for it (`operator`), or the policy did (`schedule`), or the direction was
 * turned around (`reversal`), or a failover was taken back (`cancel`).
 */
const RESYNC_REASONS = [
  "continuity",
  "crash",
  "verification",
  "resize",
  "disks",
  "operator",
  "schedule",
  "reversal",
  "cancel",
] as const;
export type ResyncReason = (typeof RESYNC_REASONS)[number];

/** The request, in the item: the write that makes it also ends the generation. */
export const resyncRequest = z.object({
  reason: z.enum(RESYNC_REASONS),
  requestedAt: time,
  /** The client's own id of its request. */
  token: z.string().optional(),
});

/** How the comparison goes that the present generation began with, in the record of its progress. */
export const resyncProgress = z.object({
  reason: z.enum(RESYNC_REASONS),
  begunAt: time,
  /** The point that the disks are compared with; absent for empty disks, so that everything is copied. */
  base: z
    .object({
      generation: z.number().transform(checked(generation)),
      id,
      /** Absent in records of an older Leeward. */
      sequence: z.number().transform(checked(sequence)).optional(),
      /** Of the base's document, which a read may say is not there yet. */
      digest: z.string().transform(checked(digestOf)),
    })
    .optional(),
  /** The base's digests are where the agent finds them. */
  offered: z.boolean(),
  /** When the generation's first point was there. */
  endedAt: time.optional(),
  /** Bytes of blocks that differed. */
  sent: z.number().transform(checked(bytes)).optional(),
  /** Generations whose journal could not be read when a point of theirs was to be a base; newest last. */
  refused: z.array(z.number().transform(checked(generation))),
  /** The one before that has ended. */
  last: z
    .object({ reason: z.enum(RESYNC_REASONS), begunAt: time, endedAt: time, sent: z.number() })
    .optional(),
});
export type ResyncProgress = z.infer<typeof resyncProgress>;
