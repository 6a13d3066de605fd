import { z } from "zod";
import { armId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";

/**
 * Leads from the id of an item to its record. An item's record lies under a key made of the id that it was enabled with; the
 * region that takes its machine over shows it under another id. Kind `alias`, keyed by `itemKey` of that id.
 */
export const aliasRecord = z.object({
  format: z.literal(1),
  id: z.string().transform(checked(armId)),
  machine: z.string().transform(checked(machineId)),
});
