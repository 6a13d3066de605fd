import { z } from "zod";

/** ASR's event. */
export const eventView = z.object({
  id: z.string(),
  name: z.string(),
  type: z.literal("Microsoft.RecoveryServices/vaults/replicationEvents"),
  properties: z.object({
    eventCode: z.string(),
    description: z.string(),
    eventType: z.enum(["JobStatus", "VmHealth"]),
    affectedObjectFriendlyName: z.string(),
    affectedObjectCorrelationId: z.string(),
    severity: z.enum(["Info", "Warning", "Error"]),
    timeOfOccurrence: z.string(),
    fabricId: z.string().nullable(),
    providerSpecificDetails: z.object({
      instanceType: z.literal("A2A"),
      protectedItemName: z.string(),
      fabricObjectId: z.string().nullable(),
      fabricName: z.string(),
      fabricLocation: z.string().nullable(),
      remoteFabricName: z.string(),
      remoteFabricLocation: z.string().nullable(),
    }),
    eventSpecificDetails: z
      .object({
        instanceType: z.literal("JobStatus"),
        jobId: z.string(),
        jobFriendlyName: z.string(),
        jobStatus: z.string(),
        affectedObjectType: z.string(),
      })
      .nullable(),
    healthErrors: z.array(
      z.object({
        errorCode: z.string(),
        errorLevel: z.string(),
        errorMessage: z.string(),
        recommendedAction: z.string(),
        creationTimeUtc: z.string(),
      }),
    ),
  }),
});
export type EventView = z.infer<typeof eventView>;
