import { z } from "zod";
import { barrierIdField } from "./field.ts";

/** Body of `POST …/unplannedFailover`: ASR's UnplannedFailoverInput for Azure to Azure. */
export const unplannedFailoverRequest = z.object({
  properties: z.object({
    failoverDirection: z.literal("PrimaryToRecovery").default("PrimaryToRecovery"),
    /** Only an unreachable or abandoned source is failed over this way: nothing is done to it. */
    sourceSiteOperations: z.literal("NotRequired").default("NotRequired"),
    providerSpecificDetails: z
      .object({
        instanceType: z.literal("A2A"),
        /** The newest point when it is left out. */
        recoveryPointId: barrierIdField.optional(),
      })
      .optional(),
  }),
});
