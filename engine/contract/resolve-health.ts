import { z } from "zod";
import { sparse } from "./field.ts";

/** Body of `POST …/resolveHealthErrors`: ASR's ResolveHealthInput. */
export const resolveHealthRequest = z.object({
  properties: sparse(
    z.object({
      healthErrors: z
        .array(z.object({ healthErrorId: z.string().max(64) }))
        .max(100)
        .default([]),
    }),
  ),
});
