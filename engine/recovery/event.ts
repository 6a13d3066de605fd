import { createHash } from "node:crypto";
import { z } from "zod";
import { newestFirst } from "../core/clock.ts";
import { type ArmId, armId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";

const arm = z.string().transform(checked(armId));
const time = z.number().transform(checked(micros));

/** Something that happened in a vault. Kind `event`, by a key that sorts the newest first. Written once, never changed. */
export const eventRecord = z.object({
  format: z.literal(1),
  /** Of the item, or of what else it happened to. */
  about: arm,
  time,
  /** `JobStatus` when a job ended, `VmHealth` when an error of a machine came or went. */
  type: z.enum(["JobStatus", "VmHealth"]),
  severity: z.enum(["Info", "Warning", "Error"]),
  code: z.string(),
  message: z.string(),
  /** Of a job. */
  job: z.object({ operation: z.string(), scenario: z.string(), state: z.string() }).optional(),
  /** Of an error: what to do, or that it is over. */
  health: z.object({ remedy: z.string(), over: z.boolean() }).optional(),
});
export type EventRecord = z.infer<typeof eventRecord>;

/** How far the log has come. Kind `eventCursor`, one record. */
export const eventCursor = z.object({
  format: z.literal(1),
  lookedAt: time,
  /** Errors that the log knows of, by item. */
  errors: z.record(z.string(), z.array(z.string())),
});
export type EventCursor = z.infer<typeof eventCursor>;

/** Events are kept so long, and so many of them at most; the same look that writes new ones deletes old ones. */
export const EVENTS_KEPT = { age: 30 * 24 * 3600e6, count: 5000 };

/** Of the same thing it is always the same, so that an event is written once. Sorts the newest first. */
export function eventKey(about: ArmId, what: string, at: Micros): string {
  const digest = createHash("sha256").update(`${about.toLowerCase()}\n${what}\n${at}`).digest("hex");
  return `${newestFirst(at)}-${digest.slice(0, 12)}`;
}
