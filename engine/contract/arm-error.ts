import { z } from "zod";

/** The body of every error answer: ARM's envelope, and what to do about it. */
export const armError = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    /** One or two sentences to the person who reads it. */
    remedy: z.string().optional(),
    details: z
      .array(z.object({ code: z.string(), message: z.string(), target: z.string().optional() }))
      .optional(),
  }),
});
export type ArmError = z.infer<typeof armError>;
