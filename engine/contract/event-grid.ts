import { z } from "zod";

const told = z.object({
  id: z.string().min(1).max(256),
  eventType: z.string(),
  /** Id of the resource that was written. */
  subject: z.string().max(2048),
  data: z.unknown(),
});

/** What Event Grid posts, in its own schema: one event or a batch of them. */
export const eventGridEvents = z.array(told).min(1).max(100);
export type EventGridEvent = z.infer<typeof told>;

export const VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent";
export const WRITTEN = "Microsoft.Resources.ResourceWriteSuccess";

/** Of a subscription that is being made: Event Grid sends events only to who repeats this. */
export const validation = z.object({ validationCode: z.string().min(1).max(512) });
