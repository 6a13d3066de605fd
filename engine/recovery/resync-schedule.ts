import { z } from "zod";
import { checked } from "../core/schema.ts";
import { MIB, type Micros, bytes } from "../core/units.ts";
import type { ProgressRecord } from "./progress.ts";

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of day such as 01:30");

/** How, and how often by itself, a machine's disks are compared with what the target holds. */
export const resyncPolicy = z.strictObject({
  /** Bytes a second that a comparison reads at most; 0: as many as the guest does not mind. */
  rate: z
    .number()
    .int()
    .refine((n) => n === 0 || n >= MIB, { message: "0, or at least 1 MiB a second" })
    .default(0)
    .transform(checked(bytes)),
  /** So many days after the last one began; 0: never by itself. */
  everyDays: z.number().min(0).max(365).default(0),
  /** When one may begin by itself: from one time of day to another, across midnight too; all day when both are the same. */
  window: z
    .strictObject({
      from: clockTime.default("00:00"),
      to: clockTime.default("00:00"),
      /** IANA name, such as Europe/Berlin. */
      timeZone: z
        .string()
        .default("UTC")
        .refine(isTimeZone, { message: "no time zone of this name is known" }),
    })
    .prefault({}),
});
export type ResyncPolicy = z.infer<typeof resyncPolicy>;

const DAY = 24 * 3600 * 1e6;

/** Whether the policy asks for one now. One that is under way, or whose first point has not come, is not begun again. */
export function resyncScheduled(now: Micros, policy: ResyncPolicy, progress: ProgressRecord): boolean {
  const { resync, point, arrived } = progress;
  if (policy.everyDays === 0 || point?.generation !== arrived.generation) return false;
  if (resync && resync.endedAt === undefined) return false;
  return now - (resync?.begunAt ?? 0) >= policy.everyDays * DAY && isWithin(now, policy.window);
}

/** By the clock on the wall there, whatever it was set to that day. */
export function isWithin(now: Micros, { from, to, timeZone }: ResyncPolicy["window"]): boolean {
  const wall = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(
    now / 1000,
  );
  if (from === to) return true;
  return from < to ? wall >= from && wall < to : wall >= from || wall < to;
}

/** Asking costs a tenth of a millisecond, and every read of a record asks. */
const KNOWN = new Set<string>();

function isTimeZone(timeZone: string): boolean {
  if (KNOWN.has(timeZone)) return true;
  try {
    // Throws when there is no such zone.
    Intl.DateTimeFormat("en-GB", { timeZone });
    KNOWN.add(timeZone);
    return true;
  } catch {
    return false;
  }
}
