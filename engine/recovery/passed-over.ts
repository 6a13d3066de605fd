import { z } from "zod";

/** Newer points that a failover, or a test of one, could not read, so that it took an older one. */
export const passedOver = z.array(z.object({ point: z.string(), code: z.string(), message: z.string() }));
