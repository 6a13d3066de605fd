import { z } from "zod";

/** Body of `POST …/resolveHealthErrors`: ASR's ResolveHealthInput. */
export const resolveHealthRequest = z.object({
  properties: z.object({
    healthErrors: z
      .array(z.object({ healthErrorId: z.string().max(64) }))
      .max(100)
      .default([]),
  }),
});
