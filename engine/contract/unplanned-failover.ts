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
    /** Ours, and strict. */
    leeward: z
      .strictObject({
        /** Which point when none is named: the newest that is not known to be bad, or the newest that was verified. */
        recoveryPointType: z.enum(["Latest", "LatestVerified"]).default("Latest"),
        /** A point that is known to be bad is refused unless this is set. */
        acceptBadPoint: z.boolean().default(false),
      })
      .prefault({}),
  }),
});
