import { z } from "zod";
import { leewardItem } from "../../engine/contract/protected-item.ts";

/** What the story reads of a protected item; the rest passes unread. */
export const itemView = z.object({
  id: z.string(),
  properties: z.object({
    allowedOperations: z.array(z.string()).default([]),
    providerSpecificDetails: z.object({ recoveryFabricObjectId: z.string().nullish() }),
    leeward: leewardItem,
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
