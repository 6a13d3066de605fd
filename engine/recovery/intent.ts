import { z } from "zod";
import { armId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { micros } from "../core/units.ts";

const arm = z.string().transform(checked(armId));

/** That somebody wanted a machine protected, in one call. Kind `intent`, by `resourceKey`. */
export const intentRecord = z.object({
  format: z.literal(1),
  id: arm,
  vmId: arm,
  /** The item that came of it. */
  item: arm,
  /** The enablement that it began, which is a job as well. */
  operation: z.string().transform(checked(operationId)),
  createdAt: z.number().transform(checked(micros)),
  /** What was asked for, as it was. */
  given: z.record(z.string(), z.unknown()),
});
export type IntentRecord = z.infer<typeof intentRecord>;
