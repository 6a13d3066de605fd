import { sha256 } from "../../engine/core/digest.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { type Micros, bytes, sequence } from "../../engine/core/units.ts";
import { replicaRebuildName } from "../../engine/journal/names.ts";
import { type JournalPosition, startOf } from "../../engine/journal/position.ts";
import { type ItemRecord, endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { withApplied, withMerged, withRebuild, withReserved } from "../../engine/recovery/replicating.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { type Checkpointed, type ReplicaPlace, checkpointTurn } from "../../engine/replication/checkpoint.ts";
import { dropCheckpoints } from "../../engine/replication/checkpoints.ts";
import { newestPoint } from "../../engine/replication/points.ts";
import { readRebuild } from "../../engine/replication/rebuilds.ts";
import { readVerification } from "../../engine/replication/verifications.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { leadsBy, standsOn } from "../../engine/replication/reservation.ts";
import type { Turned } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { healing } from "./healing.ts";
import { cameSince, createReplicas, dropFormerReplicas, fitReplicas, isOutgrown } from "./replicas.ts";
import { itemOf, progressOf } from "./tools.ts";

/** Checkpoints that stay beside the newest: older points among them can be imported too. */
const KEEP_CHECKPOINTS = 3;

const NOTHING = { more: false, done: bytes(0), total: bytes(0) };

/**
 * Brings the replica to the newest point, or on towards the one that earlier turns have begun with: of a large disk there are
 * newer ones long before it is there. One that another run has overtaken has nothing left to do.
 */
export async function checkpointFor(
  services: Services,
  machine: MachineId,
  enough: () => boolean,
): Promise<NonNullable<Turned>> {
  const item = await itemOf(services, machine);
  // A failover brings the replica to its own point.
  if (!STATES[item.state].replicating) return NOTHING;
  const { point } = await progressOf(services, machine);
  const newest =
    point &&
    (await healing(services, machine, () => newestPoint(services.target, machine, point.generation)));
  if (!newest) return NOTHING;
  const begun = await underWay(services, newest);
  return bringOn(services, item, { point: newest, begun }, enough).catch((error: unknown) => {
    if (hasCode(error, "StateNotAllowed")) return NOTHING;
    throw error;
  });
}

/**
 * One turn of bringing the replica to the point; first to the one that it is being brought to, when the point stands on
 * that. A replica that is half-way to some point is of use for no other but one behind it.
 * @returns `more` until the replica is at the point, or at the one before it
 */
async function bringOn(
  services: Services,
  item: ItemRecord,
  { point, begun }: { readonly point: ReplicaPlace; readonly begun: ReplicaPlace | undefined },
  enough: () => boolean,
): Promise<NonNullable<Turned>> {
  const { machine } = item;
  try {
    const turned = await healing(services, machine, () =>
      checkpointAt(services, item, begun ?? point, enough),
    );
    return turned.made ? NOTHING : { more: true, ...turned.progress };
  } catch (error) {
    // What the way to it needs is gone, and the way to the point may not need it.
    if (!begun || !(error instanceof LeewardError) || error.class !== "resync") throw error;
    await services.target.delete([replicaRebuildName(machine)]);
    return { ...NOTHING, more: true };
  }
}

/** The same for a failover, which must have the very point. */
export async function bringTo(
  services: Services,
  item: ItemRecord,
  point: ReplicaPlace,
  enough: () => boolean,
): Promise<NonNullable<Turned>> {
  const begun = await underWay(services, point);
  const turned = await bringOn(services, item, { point, begun }, enough);
  return { ...turned, more: turned.more || begun !== undefined };
}

/** Another point on the way to this one that the replica was being brought to. What is of no use any more goes. */
async function underWay(services: Services, point: ReplicaPlace): Promise<ReplicaPlace | undefined> {
  const { target, records } = services;
  const { machine } = point;
  const name = replicaRebuildName(machine);
  const rebuild = await readRebuild(target, name);
  if (!rebuild || rebuild.point.id === point.id) return undefined;
  const { time, generation, sequence: at } = rebuild.point;
  const reserved = (await records.progress.get(machine))?.value.reserved;
  const isReserved = reserved?.generation === generation && reserved.sequence === at;
  if (time !== undefined && isReserved && (await leadsBy(target, point, rebuild.point)))
    return { machine, ...rebuild.point, time };
  await target.delete([name]);
  return undefined;
}

/** One turn of bringing the replica to the point; or finds that it was there. */
export async function checkpointAt(
  services: Services,
  item: ItemRecord,
  point: ReplicaPlace,
  enough: () => boolean,
): Promise<Checkpointed> {
  const { machine } = item;
  const { replica } = targetOf(item);
  if (!replica) throw new RangeError(`machine ${machine} has no replica`);
  const { target, clock } = services;
  const pages = services.pagesAt(endpointOf(replica));
  const before = await progressOf(services, machine);
  const outgrown = isOutgrown(item, before, point.generation);
  const goesOn = outgrown ? "unknown" : await mayGoOn(services, point, before);
  const { applied, rebuildSince, reserved } = await services.records.progress.update(machine, (old) =>
    withReserved(goesOn === "unknown" ? withRebuild(old, clock.now()) : old, point),
  );
  // One that was at work when the replica was found wrong may have left a document.
  if (rebuildSince !== undefined) await dropCheckpoints(target, pages, machine, 0);
  if (outgrown) await fitReplicas({ target, pages }, machine, point.disks);
  // Disks may have come to the set; what the journal holds of them is behind what the replica holds of the others.
  else await createReplicas(pages, machine, cameSince(item, before, point));
  const from =
    applied && goesOn === "yes" && rebuildSince === undefined
      ? applied
      : startOf(point.generation, sequence(0));
  const key = await services.keyOf(machine);
  const turn = { name: replicaRebuildName(machine), bound: boundTo(from, rebuildSince), enough };
  const turned = await checkpointTurn({ target, pages, key, from, point, reserved, clock }, turn);
  if (!turned.made) return turned;
  const { made, written } = turned;
  const appliedAt = clock.now();
  const merged = { bytes: bytes(Math.max(made.applied.bytes - from.bytes, 0)), written };
  await services.records.progress.update(machine, (old) => {
    const { rebuildSince: asked, ...rest } = withApplied(withMerged(old, merged), made.applied, appliedAt);
    const still = asked !== undefined && asked !== rebuildSince;
    return { ...rest, ...(still && { rebuildSince: asked }) };
  });
  // A failover may be about to import one of the older ones.
  const now = await itemOf(services, machine);
  if (STATES[now.state].replicating && !isImporting(now))
    await dropCheckpoints(target, pages, machine, KEEP_CHECKPOINTS, await beingVerified(services, machine));
  await dropFormerReplicas({ target, pages }, now);
  return turned;
}

/** A test's disks are being built from a checkpoint: all wait for that, some minutes. */
const isImporting = ({ test }: ItemRecord): boolean =>
  test?.state === "making" && (test.chosen === undefined || test.chosen.road === "import");

/** A verification in turns reads the snapshots that it began with. */
const beingVerified = async ({ target }: Services, machine: MachineId) =>
  (await readVerification(target, machine, "replica"))?.verification.point.id;

/** What earlier turns wrote counts only while the replica was the same when they began: where, and since when it is rebuilt. */
const boundTo = ({ generation, next, chain }: JournalPosition, rebuildSince: Micros | undefined) =>
  sha256(Buffer.from(JSON.stringify([generation, next, chain, rebuildSince ?? null])));

/** Asked before the record is told of the point: a run that dies behind that would find nothing else there. */
async function mayGoOn(services: Services, point: ReplicaPlace, { applied, reserved }: ProgressRecord) {
  return applied ? standsOn(services.target, point, applied, reserved) : "no";
}
