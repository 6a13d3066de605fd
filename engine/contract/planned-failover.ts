import { z } from "zod";
import { sparse } from "./field.ts";
import { notHere } from "./refused-field.ts";
import { buildFields } from "./unplanned-failover.ts";

/** Body of `POST …/plannedFailover`: ASR's PlannedFailoverInput. There is nothing to choose: it goes to the last write. */
export const plannedFailoverRequest = z.object({
  properties: sparse(
    z.object({
      failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery"),
      providerSpecificDetails: sparse(
        z.object({
          instanceType: z.literal("A2A"),
          recoveryPointId: notHere("a planned failover goes to the last write: leave it out"),
        }),
      ).optional(),
      leeward: z.strictObject(buildFields).prefault({}),
    }),
  ),
});
