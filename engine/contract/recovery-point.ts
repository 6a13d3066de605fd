import { z } from "zod";

const loss = z.object({ seconds: z.number(), bytes: z.number(), writes: z.number() });

/** ASR's recovery point, with what is ours in `leeward`. */
export const recoveryPointResource = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  properties: z.object({
    recoveryPointTime: z.string(),
    recoveryPointType: z.enum(["CrashConsistent", "AppConsistent"]),
    providerSpecificDetails: z.object({
      instanceType: z.literal("A2A"),
      recoveryPointSyncType: z.string(),
      disks: z.array(z.string()),
    }),
    leeward: z.object({
      generation: z.number(),
      /** The last write that is in it. */
      sequence: z.number(),
      /**
       * Whether the journal gives what the source had; a point that was made after a bad one, and not verified itself,
       * is `suspect`.
       */
      verified: z.union([z.boolean(), z.enum(["bad", "suspect"])]),
      /** Why it is not what was asked for, such as application-consistent; of the newest such points. */
      unmet: z.string().optional(),
      /** Milliseconds behind its time within which its disks were imaged one by one; absent when all were at one instant. */
      spread: z.number().optional(),
      /** As they were when the point was made; null when its manifest was lost and made again from the journal. */
      losses: z.object({ vm: loss, region: loss }).nullable(),
      /** `root` is the digest tree over the disk's 64 KiB blocks, taken at the source. */
      disks: z.array(z.object({ index: z.number(), name: z.string(), size: z.number(), root: z.string() })),
    }),
  }),
});
export type RecoveryPointResource = z.infer<typeof recoveryPointResource>;

/** A point whose manifest can neither be read nor made again: in `leewardDamaged` beside the list's `value`. */
export const damagedPoint = z.object({
  id: z.string(),
  name: z.string(),
  generation: z.number(),
  sequence: z.number(),
  code: z.string(),
  message: z.string(),
  remedy: z.string(),
});
export type DamagedPoint = z.infer<typeof damagedPoint>;
