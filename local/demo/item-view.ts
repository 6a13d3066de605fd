import { z } from "zod";

const loss = z.object({ seconds: z.number(), bytes: z.number(), writes: z.number() });
const mark = z.object({ sequence: z.number(), time: z.number(), bytes: z.number() });

/** What the story reads of a protected item; the rest passes unread. */
export const itemView = z.object({
  id: z.string(),
  properties: z.object({
    allowedOperations: z.array(z.string()).default([]),
    providerSpecificDetails: z.object({ recoveryFabricObjectId: z.string().nullish() }),
    leeward: z.object({
      machine: z.string(),
      state: z.string(),
      generation: z.number(),
      losses: z.object({ vm: loss, region: loss }).nullish(),
      watermarks: z
        .object({ captured: mark.nullish(), cached: mark.nullish(), arrived: mark.nullish() })
        .nullish(),
      progress: z
        .object({
          phase: z.string(),
          done: z.number().optional(),
          total: z.number().optional(),
          rate: z.number().optional(),
          etaSeconds: z.number().optional(),
        })
        .nullish(),
      failover: z
        .object({
          point: z.string(),
          road: z.string(),
          announced: z.object({
            seconds: z.number(),
            writes: z.number(),
            bytes: z.number(),
            after: z.number(),
            knownSequence: z.number(),
            knownUntil: z.number(),
          }),
          steps: z.array(
            z.object({ name: z.string(), startTime: z.string(), endTime: z.string().optional() }),
          ),
        })
        .nullish(),
    }),
  }),
});
export type ItemView = z.infer<typeof itemView>;

export const pointsView = z.object({ value: z.array(z.object({ name: z.string() })) });

/** A job's tasks, in order. */
export const jobView = z.object({
  properties: z.object({
    tasks: z.array(
      z.object({ friendlyName: z.string(), startTime: z.string().nullish(), endTime: z.string().nullish() }),
    ),
  }),
});
