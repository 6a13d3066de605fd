import { LeewardError } from "../../engine/core/errors.ts";
import { IMPATIENT } from "../../engine/storage/attempt.ts";
import type { BarrierId, OperationId } from "../../engine/core/ids.ts";
import { type DiskIndex, MIB, bytes } from "../../engine/core/units.ts";
import { reportedBy } from "../../engine/recovery/agent-record.ts";
import { announce } from "../../engine/recovery/announce.ts";
import { planFailover, roadTo } from "../../engine/recovery/failover-plan.ts";
import {
  type FailoverReport,
  type ItemRecord,
  endpointOf,
  everyDisk,
  itemKeyOf,
  sourceOf,
  targetOf,
} from "../../engine/recovery/item.ts";
import type { Unreadable } from "../../engine/recovery/healing-record.ts";
import { liveLosses } from "../../engine/recovery/losses.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { sameDisks } from "../../engine/recovery/target-names.ts";
import { disksIn } from "../../engine/recovery/disk-size.ts";
import { defaultPoint } from "../../engine/recovery/point-choice.ts";
import { isProved, withShipped } from "../../engine/recovery/replicating.ts";
import type { WantedMoment } from "../../engine/recovery/wanted-moment.ts";
import { readCheckpoint } from "../../engine/replication/checkpoints.ts";
import { findMoment } from "../../engine/replication/moment.ts";
import { readPoint } from "../../engine/replication/points.ts";
import type { ShipLimits } from "../../engine/replication/ship.ts";
import type { Services } from "../services.ts";
import { bytesAtBarrier } from "./barrier-bytes.ts";
import { healing, listHealed } from "./healing.ts";
import { importWords } from "./disk-road.ts";
import { type Place, placeOf } from "./place.ts";
import { isOutgrown } from "./replicas.ts";
import { cutArrived, shipFrom } from "./replication.ts";
import { type Implementations, itemOf, progressOf } from "./tools.ts";
import { knownUnreadable, passingOver } from "./unreadable.ts";

/** Small runs, so that what one of them brought is kept when the next one finds the region dead. */
const DRAIN: ShipLimits = { objectBytes: bytes(16 * MIB), maxBytes: bytes(32 * MIB), parallel: 4 };
/** A source that goes on writing must not hold up the failover. */
const MOST_DRAIN_SECONDS = 60;

export const failoverActivities = {
  async drain({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const before = (await progressOf(services, machine)).shipped.bytes;
    const reached = await drainCache(services, item);
    const after = await progressOf(services, machine);
    if (isProved(after)) await cutArrived(services, item);
    // Seed 5010 of the simulation: what was read last may be older than what was read first.
    return { reached, bytes: bytes(Math.max(after.shipped.bytes - before, 0)) };
  },

  async planFailover({ machine, operation, point: wanted, moment }, { services }) {
    const item = await itemOf(services, machine);
    const progress = await progressOf(services, machine);
    const point = await choose(
      services,
      item,
      progress,
      wantedOf(item, { operation, point: wanted, moment }),
    );
    const checkpointed = (await readCheckpoint(services.target, point)) !== undefined;
    const { nics } = sourceOf(item);
    const importRefused = refusedBefore(item, point.id);
    const facts = {
      // Nothing is imported from a replica that was found wrong, that has other sizes, or whose import failed before.
      replica:
        progress.rebuildSince === undefined &&
        !isOutgrown(item, progress, point.generation) &&
        importRefused === undefined
          ? item.policy.replica
          : ("none" as const),
      disks: disksIn(item, point.generation).map(({ index }) => index),
      everyDisk: everyDisk(item).map(({ index }) => index),
      nics: nics.length,
      point,
      reserved: progress.reserved,
      checkpointed,
      ...triesBefore(item, operation, point.id),
    };
    const reported = reportedBy((await services.records.agents.get(machine))?.value);
    const { copied } = point.position;
    const reached = { ...point, bytes: await bytesAtBarrier(services, point), copied };
    const report: FailoverReport = {
      operation,
      point: point.id,
      pointTime: point.time,
      consistency: point.consistency,
      generation: point.generation,
      road: roadTo(facts),
      startTime: item.job.startTime,
      announced: announce(item.job.startTime, reached, progress, reported),
      moment: between(point),
      losses: liveLosses(item.job.startTime, progress, reported),
      ...(facts.tried.length > 0 && { tried: facts.tried }),
      ...notesOn(item, facts.disks, importRefused),
      // What earlier tries were given stays.
      nics: item.failover?.nics,
      ...(importRefused !== undefined && { importRefused }),
      passedOver: await passedOver(services, point),
      steps: [],
    };
    // Seed 1116: a run that hung until the machine was protected again has nothing to report any more.
    await services.records.items.update(itemKeyOf(machine), (old) =>
      old.state === "FailingOver" ? { ...old, failover: report } : old,
    );
    return { point: point.id, steps: planFailover(facts) };
  },
} satisfies Partial<Implementations>;

/**
 * Whether the failover was tried before, and with which other points. A report of this very operation is of a first run of
 * this activity.
 */
function triesBefore({ failover }: ItemRecord, operation: OperationId, point: BarrierId) {
  const known = failover ? [...(failover.tried ?? []), failover.point] : [];
  const tried = [...new Set(known)].filter((one) => !sameDisks(one, point));
  return { again: tried.length > 0 || (failover !== undefined && failover.operation !== operation), tried };
}

/** Why an earlier try could not import the disks of this point. */
const refusedBefore = ({ failover }: ItemRecord, point: BarrierId): string | undefined =>
  failover && sameDisks(failover.point, point) ? failover.importRefused : undefined;

interface Wanted {
  readonly point: BarrierId | undefined;
  readonly moment: WantedMoment | undefined;
}

/** Without either, what a failover that is tried again chose before. */
function wantedOf(
  { failover: begun }: ItemRecord,
  { operation, point, moment }: Wanted & { readonly operation: OperationId },
): Wanted {
  const again = begun && (moment ? begun.operation === operation : true);
  if (moment && !again) return { point: undefined, moment };
  return { point: point ?? begun?.point, moment: undefined };
}

/**
 * The point or the state that is wanted. Without either the newest point that is not known to be bad: of several that hold
 * the same writes, the one that was made last.
 * @throws NoRecoveryPoint, MomentUnreachable
 */
export async function choose(
  services: Services,
  item: ItemRecord,
  { machine, point: last }: ProgressRecord,
  { point, moment }: Wanted,
): Promise<Place> {
  if (moment) {
    const key = await services.keyOf(machine);
    return passingOver(services, machine, ({ objects }) => findMoment({ objects, machine, key }, moment));
  }
  if (point) return healing(services, machine, () => placeOf(services, item, point));
  const verification = (await services.records.verification.get(machine))?.value;
  return passingOver(services, machine, async ({ isReadable }) => {
    const points = (await listHealed(services, machine)).filter(isReadable);
    const found = defaultPoint(points, verification, last?.id);
    if (found) return readPoint(services.target, machine, found);
    throw new LeewardError("NoRecoveryPoint", `machine ${machine} has no recovery point that is not bad`);
  });
}

/** Newer ones that cannot be read: the person who looks at what was built must hear of them. */
export async function passedOver(
  services: Services,
  { machine, generation, sequence }: Place,
): Promise<FailoverReport["passedOver"]> {
  const isNewer = (one: Unreadable) =>
    one.generation > generation || (one.generation === generation && one.sequence >= sequence);
  const newer = (await knownUnreadable(services, machine)).filter(isNewer);
  if (newer.length === 0) return undefined;
  return newer.map(({ point, code, message }) => ({ point, code, message }));
}

/** The machine comes up with the disks that the point has: who asked for it may think of those that are protected today. */
export function otherDisks(item: ItemRecord, built: readonly DiskIndex[]): string | undefined {
  const { disks } = sourceOf(item);
  const more = everyDisk(item).filter(({ index, until }) => until !== undefined && built.includes(index));
  const less = disks.filter(({ index }) => !built.includes(index));
  const named = (some: readonly { readonly name: string }[]) => some.map(({ name }) => name).join(", ");
  const said = [
    ...(less.length > 0 ? [`without ${named(less)}, added since`] : []),
    ...(more.length > 0 ? [`with ${named(more)}, removed since`] : []),
  ];
  return said.length > 0
    ? `the point is of other disks than are protected now: ${said.join("; ")}`
    : undefined;
}

function notesOn(item: ItemRecord, built: readonly DiskIndex[], importRefused: string | undefined) {
  const refused = importRefused === undefined ? undefined : importWords(importRefused);
  const notes = [otherDisks(item, built), refused].filter((words) => words !== undefined);
  return notes.length === 0 ? {} : { notes };
}

/** Undefined for a recovery point, which is found by its id. */
function between(place: Place): FailoverReport["moment"] {
  if ("losses" in place || ("point" in place && place.point)) return undefined;
  const { generation, sequence, position } = place;
  return { generation, sequence, position };
}

/** Ships until the cache is empty or does not answer; false when it did not answer. */
async function drainCache(services: Services, item: ItemRecord): Promise<boolean> {
  const { machine } = item;
  const cache = services.objectsAt(endpointOf(targetOf(item).cache), IMPATIENT);
  const end = services.clock.now() + MOST_DRAIN_SECONDS * 1e6;
  while (services.clock.now() < end) {
    const shipped = await shipFrom(services, cache, await progressOf(services, machine), DRAIN).catch(lost);
    if (!shipped) return false;
    await services.records.progress.update(machine, (old) => withShipped(old, shipped));
    if (shipped.problem) return false;
    if (shipped.hole !== undefined) return true;
  }
  return true;
}

/** The region is the very thing that may be lost: whatever its storage says, what has arrived is what there is. */
function lost(error: unknown): undefined {
  if (error instanceof LeewardError) return undefined;
  throw error;
}
