import { LeewardError } from "../../engine/core/errors.ts";
import { type Generation, type Micros, generation, ordinal } from "../../engine/core/units.ts";
import { segmentName } from "../../engine/journal/names.ts";
import { type FailoverReport, type ItemRecord, endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { type LostRecord, lostFor } from "../../engine/recovery/lost-record.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { type LossLedger, findLedger, keepLedger, readLosses } from "../../engine/replication/loss-ledger.ts";
import type { OldJournal } from "../../engine/replication/lost-writes.ts";
import { IMPATIENT } from "../../engine/storage/attempt.ts";
import type { Services } from "../services.ts";
import { placeOf } from "./place.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const lossActivities = {
  async readLosses({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const { failover } = item;
    if (!STATES[item.state].over || !failover) return null;
    const problem = await read(services, item, failover);
    const ledger = await findLedger(services.target, machine, failover.operation);
    const now = services.clock.now();
    await services.records.lost.upsert(machine, (old) =>
      withLedger(lostFor(old, item), ledger, problem, now),
    );
    return null;
  },
} satisfies Partial<Implementations>;

/** What had arrived is listed at once; what only the old region's cache holds, when it can be reached. */
async function read(
  services: Services,
  item: ItemRecord,
  failover: FailoverReport,
): Promise<LeewardError | undefined> {
  const { machine } = item;
  const { target: objects } = services;
  const { operation } = failover;
  const cache = services.objectsAt(endpointOf(targetOf(item).cache), IMPATIENT);
  const old = { objects, key: await services.keyOf(machine), machine };
  // The failover's own number is the one behind that of the old side.
  const request = {
    operation,
    kept: await placeOf(services, item, failover.point),
    last: generation(item.generation - 1),
  };
  const known = await findLedger(objects, machine, operation);
  if (!known) await keepLedger(objects, await readLosses({ ...request, old }));
  try {
    if (!known || (await hasMore({ ...old, cache }, known, request.last)))
      await keepLedger(objects, await readLosses({ ...request, old: { ...old, cache } }));
    return undefined;
  } catch (error) {
    if (error instanceof LeewardError) return error;
    throw error;
  }
}

/** Whether the cache holds what comes behind what was read: then all is read anew. */
async function hasMore(
  { cache, machine }: OldJournal,
  { until }: LossLedger,
  last: Generation,
): Promise<boolean> {
  const end = until.at(-1);
  if (!cache || !end) return true;
  const names = [segmentName(machine, end.generation, end.next)];
  for (let n = end.generation + 1; n <= last; n++)
    names.push(segmentName(machine, generation(n), ordinal(0)));
  for (const name of names) if (await cache.get(name, "unchecked")) return true;
  return false;
}

function withLedger(
  old: LostRecord,
  ledger: LossLedger | undefined,
  problem: LeewardError | undefined,
  now: Micros,
): LostRecord {
  const { problem: before, ...known } = old;
  const since = before && before.code === problem?.code ? before.since : now;
  const trouble = problem && { problem: { code: problem.code, message: problem.message, since } };
  if (!ledger) return { ...known, checkedAt: now, ...trouble };
  const { operation, writes, bytes, copied, arrived, first, last, until, disks } = ledger;
  const end = until.at(-1);
  const ranges = disks.reduce((sum, disk) => sum + disk.ranges.length, 0);
  const figures = { operation, writes, bytes, copied, arrived, first, last, ranges };
  const { generation: of, next, sequence } = end ?? {};
  const read =
    of !== undefined && next !== undefined && sequence !== undefined
      ? { until: { generation: of, next, sequence } }
      : {};
  return { ...known, ...figures, ...read, checkedAt: now, ...trouble };
}
