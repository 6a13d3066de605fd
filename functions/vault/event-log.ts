import { mapInOrder } from "../../engine/core/in-order.ts";
import { type Micros, micros } from "../../engine/core/units.ts";
import { EVENTS_KEPT, type EventCursor, type EventRecord, eventKey } from "../../engine/recovery/event.ts";
import { type HealthError, healthOf } from "../../engine/recovery/health.ts";
import { type ItemRecord, lastSegment } from "../../engine/recovery/item.ts";
import { isGivenAway } from "../../engine/recovery/reversal.ts";
import type { JobRecord } from "../../engine/recovery/job.ts";
import { scenarioOf } from "../scenario.ts";
import type { Services } from "../services.ts";
import { knownOf } from "../known.ts";

type LogServices = Pick<Services, "records" | "clock">;

const CURSOR = "newest";
/** A look reads every job and the health of every machine. */
const EVERY = 60e6;
/** A job's record may be written a moment after its end. */
const OVERLAP = 600e6;
/** Jobs that only say what was configured are kept so long. */
const CONFIGURED_KEPT = 30 * 24 * 3600e6;

/**
 * Writes down what has happened since the last look: jobs that ended, errors that came and went. It may
 * die anywhere: an event's key is its own, so what is written again is there once. Deletes what is too old, or too much.
 */
export async function noteEvents(services: LogServices): Promise<void> {
  const { records, clock } = services;
  const now = clock.now();
  const cursor = (await records.eventCursor.get(CURSOR))?.value;
  if (cursor && now - cursor.lookedAt < EVERY) return;
  await noteJobs(services, micros(Math.max((cursor?.lookedAt ?? now) - OVERLAP, 0)), now);
  const errors = await noteHealth(services, cursor?.errors ?? {}, now);
  await records.eventCursor.upsert(CURSOR, () => ({ format: 1, lookedAt: now, errors }));
  await prune(services, now);
}

async function noteJobs({ records }: LogServices, since: Micros, now: Micros): Promise<void> {
  for await (const job of records.jobs.list()) {
    if (job.kind === "configure") {
      if (now - job.startTime > CONFIGURED_KEPT) await records.jobs.delete(job.operation);
    } else if (job.endTime !== undefined && job.endTime >= since) {
      await write(records, job.operation, eventOfJob(job, job.endTime));
    }
  }
}

function eventOfJob(job: JobRecord, time: Micros): EventRecord {
  const [scenario, friendly] = scenarioOf(job);
  const failed = job.state === "Failed";
  return {
    format: 1,
    about: job.item,
    time,
    type: "JobStatus",
    severity: failed ? "Error" : "Info",
    code: `${scenario}${job.state}`,
    message: `${friendly} of ${lastSegment(job.item)}: ${job.failure?.message ?? job.state}`,
    job: { operation: job.operation, scenario, state: job.state },
  };
}

/** @returns the errors of each item that has some now */
async function noteHealth(
  services: LogServices,
  before: EventCursor["errors"],
  now: Micros,
): Promise<EventCursor["errors"]> {
  const errors: Record<string, string[]> = {};
  const looked = mapInOrder(services.records.items.list(), 16, async (item) => ({
    item,
    found: isGivenAway(item) ? [] : healthOf(await knownOf(services, item), now),
  }));
  for await (const { item, found } of looked) {
    const known = before[item.machine] ?? [];
    const codes = [...new Set(found.map(({ code }) => code))];
    for (const error of found.filter(({ code }) => !known.includes(code)))
      await write(services.records, `came ${error.code}`, eventOfError(item, error));
    for (const code of known.filter((one) => !codes.includes(one)))
      await write(services.records, `went ${code}`, eventOfEnd(item, code, now));
    if (codes.length > 0) errors[item.machine] = codes;
  }
  return errors;
}

const eventOfError = (item: ItemRecord, error: HealthError): EventRecord => ({
  format: 1,
  about: item.id,
  time: error.since,
  type: "VmHealth",
  severity: error.level,
  code: error.code,
  message: error.message,
  health: { remedy: error.remedy, over: false },
});

const eventOfEnd = (item: ItemRecord, code: string, time: Micros): EventRecord => ({
  format: 1,
  about: item.id,
  time,
  type: "VmHealth",
  severity: "Info",
  code,
  message: `${code} of ${lastSegment(item.vmId)} is over`,
  health: { remedy: "", over: true },
});

const write = (records: LogServices["records"], what: string, event: EventRecord): Promise<void> =>
  records.events.ensure(eventKey(event.about, what, event.time), event);

async function prune({ records }: LogServices, now: Micros): Promise<void> {
  let kept = 0;
  for await (const { key, value } of records.events.entries()) {
    if (now - value.time <= EVENTS_KEPT.age && kept < EVENTS_KEPT.count) kept++;
    else await records.events.delete(key);
  }
}
