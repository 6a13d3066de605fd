import { z } from "zod";
import { buildFields } from "./unplanned-failover.ts";

/** Body of `POST …/plannedFailover`: ASR's PlannedFailoverInput. There is nothing to choose: it goes to the last write. */
export const plannedFailoverRequest = z.object({
  properties: z.object({
    failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery"),
    providerSpecificDetails: z.object({ instanceType: z.literal("A2A") }).optional(),
    leeward: z.strictObject(buildFields).prefault({}),
  }),
});
