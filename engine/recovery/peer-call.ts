import { z } from "zod";
import { machineId, operationId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { itemRecord } from "./item.ts";

/** What one region's app asks of the other's: to take a machine over. */
export const takeOverRequest = z.object({
  /** The item as it was given away, or, on a dry run, as it would be. */
  given: itemRecord,
  /** Only whether it could be taken over, and what would be otherwise then. Nothing is changed. */
  dryRun: z.boolean(),
});

/** Of a dry run: what the machine will have otherwise than before, in words. */
export const takeOverPlan = z.object({ changes: z.array(z.string()) });

/** Of a machine that was taken over: the job there, which is the same one however often it is asked for. */
export const takenOver = z.object({ operation: z.string().transform(checked(operationId)) });

/** To give up what is kept here of a machine that the other side has had, now that its protection is taken away there. */
export const forgetRequest = z.object({
  machine: z.string().transform(checked(machineId)),
  /** Journal, points and key stay, as they were asked to over there. */
  keepPoints: z.boolean().default(false),
});
