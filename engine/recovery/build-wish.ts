import { z } from "zod";
import { bootCheck } from "./policy.ts";

/** What a failover, or its test, asks for in place of what the protection has settled. */
export const buildWish = z.object({
  size: z.string().optional(),
  /** It is built although the region's lists say that it cannot be. */
  acceptUnfit: z.boolean().optional(),
  /** What is waited for. */
  bootCheck: bootCheck.optional(),
});
export type BuildWish = z.infer<typeof buildWish>;
