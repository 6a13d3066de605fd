import { z } from "zod";

/** ASR's `ReplicationEligibilityResultsErrorInfo`. */
const finding = z.object({
  code: z.string(),
  message: z.string(),
  possibleCauses: z.string(),
  recommendedAction: z.string(),
  /** `Error` or `Warning`. */
  status: z.enum(["Error", "Warning"]),
});

export const eligibilityResults = z.object({
  id: z.string(),
  name: z.literal("default"),
  type: z.literal("Microsoft.RecoveryServices/replicationEligibilityResults"),
  properties: z.object({
    clientRequestId: z.string().nullable(),
    /** What keeps the machine from being protected; ASR's clients take any entry for that, so warnings are not among them. */
    errors: z.array(finding),
    leeward: z.object({
      eligible: z.boolean(),
      targetRegion: z.string(),
      /** What its copy will lack, or may need. */
      warnings: z.array(finding),
    }),
  }),
});
export type EligibilityResults = z.infer<typeof eligibilityResults>;
