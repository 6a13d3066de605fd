import { z } from "zod";
import { barrierIdField, sparse } from "./field.ts";
import { buildFields, choiceFields } from "./unplanned-failover.ts";

/** Body of `POST …/applyRecoveryPoint`: ASR's ApplyRecoveryPointInput for Azure to Azure. */
export const applyRecoveryPointRequest = z.object({
  properties: sparse(
    z.object({
      /** In ASR's model it is always given; ours may choose otherwise. */
      recoveryPointId: barrierIdField.optional(),
      providerSpecificDetails: z.object({ instanceType: z.literal("A2A") }).optional(),
      leeward: z.strictObject({ ...choiceFields, ...buildFields }).prefault({}),
    }),
  ),
});
