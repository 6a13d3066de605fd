import { z } from "zod";
import { sparse } from "./field.ts";

/** Body of `POST …/remove`: ASR's DisableProtectionInput. */
export const disableProtectionRequest = z.object({
  properties: sparse(
    z.object({
      disableProtectionReason: z.enum(["NotSpecified", "MigrationComplete"]).optional(),
      replicationProviderInput: z.object({ instanceType: z.string() }).optional(),
      /** Ours, and strict. */
      leeward: z
        .strictObject({
          /** Leaves journal, points and key in the target account, for `leeward restore`. */
          keepPoints: z.boolean().default(false),
        })
        .prefault({}),
    }),
  ).prefault({}),
});

/** Body of `POST …/updateMobilityService`: ASR's. An account to log on with is nothing that Leeward needs. */
export const updateMobilityServiceRequest = z.object({
  properties: sparse(z.object({ runAsAccountId: z.string().optional() })).prefault({}),
});
