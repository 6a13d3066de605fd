import { z } from "zod";

/** ASR's HealthError, of an item or of the vault. */
export const healthError = z.object({
  /** Of one cause; what happens once more has another. */
  errorId: z.string(),
  entityId: z.string(),
  errorSource: z.string(),
  errorType: z.string(),
  errorCode: z.string(),
  errorLevel: z.string(),
  errorCategory: z.string(),
  summaryMessage: z.string(),
  errorMessage: z.string(),
  possibleCauses: z.string(),
  recommendedAction: z.string(),
  recoveryProviderErrorMessage: z.null(),
  creationTimeUtc: z.string(),
  /** Whether `resolveHealthErrors` may dismiss it. */
  customerResolvability: z.enum(["Allowed", "NotAllowed"]),
  innerHealthErrors: z.array(z.unknown()),
});
