import { z } from "zod";

/** What a failover lost, as far as the old side's journal was read. */
export const lostView = z.object({
  /** `complete`: the old agent has handed over all that it captured, and all of it was read. */
  state: z.enum(["open", "complete"]),
  /** Of the guest. */
  writes: z.number(),
  /** Guest bytes in them. */
  bytes: z.number(),
  /** Besides, what a comparison had copied behind the state that was kept: it differed from the base. No writes. */
  copiedBytes: z.number(),
  /** Of the writes, those that had arrived in the target region, behind the state that was kept. */
  arrivedWrites: z.number(),
  /** Ranges of the disks that they touch, all together. */
  rangeCount: z.number(),
  firstTime: z.string().nullable(),
  lastTime: z.string().nullable(),
  /** When the old journal was last looked at; null before the first time. */
  checkedTime: z.string().nullable(),
  /** What the old agent says that it captured, and what of it is in the cache; null until it was heard of. */
  handedOver: z.object({ captured: z.number(), capturedTime: z.string(), cached: z.number() }).nullable(),
  /** Why the old journal could not be read to its end. */
  problem: z.object({ code: z.string(), message: z.string(), since: z.string() }).nullable(),
});
export type LostView = z.infer<typeof lostView>;

/** Answer of `GET …/replicationProtectedItems/{name}/leewardLosses`. */
export const lossesResource = z.object({
  id: z.string(),
  /** The failover's job. */
  name: z.string(),
  type: z.string(),
  properties: lostView.extend({
    /** The last write that was kept. */
    keptSequence: z.number(),
    /** False when the ranges were widened to whole blocks of 64 KiB. */
    exact: z.boolean(),
    disks: z.array(
      z.object({
        index: z.number(),
        name: z.string(),
        bytes: z.number(),
        rangeCount: z.number(),
        /** The first 1,000. */
        ranges: z.array(z.object({ offset: z.number(), length: z.number() })),
      }),
    ),
  }),
});
export type LossesResource = z.infer<typeof lossesResource>;
