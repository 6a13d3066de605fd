import type { MachineId } from "../../engine/core/ids.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import type { PointPlace } from "../../engine/journal/names.ts";
import { noRetention, withThinned } from "../../engine/recovery/retention-record.ts";
import { withoutMade } from "../../engine/recovery/replicating.ts";
import { registerPoints, registeredPoints } from "../../engine/replication/registers.ts";
import { isWhole } from "../../engine/replication/heal.ts";
import { nameOf } from "../../engine/replication/reach.ts";
import { createPoint, dropPoints } from "../../engine/replication/points.ts";
import type { RetainResult } from "../../orchestrations/contract.ts";
import { healFor } from "./healing.ts";
import {
  type Decided,
  type RetentionServices,
  decide,
  isOver,
  isTested,
  placeOf,
} from "./retained-points.ts";
import { itemOf } from "./tools.ts";

/**
 * Deletes the manifests of points that the policy does not keep, oldest first, and of those whose generation was emptied
 * before they came.
 */
export async function thinFor(
  services: RetentionServices,
  machine: MachineId,
): Promise<RetainResult["state"]> {
  await healFor(services, machine);
  const decided = await decide(services, machine);
  if (!decided) return "ended";
  const { points, retention, record } = decided;
  const dropped = new Set(retention.drop.map(({ point }) => placeOf(point)));
  const needless = points.filter((point) => dropped.has(placeOf(point)) || point.generation < record.oldest);
  // A failover that began meanwhile may have chosen one of them.
  if (await isOver(services, machine)) return "ended";
  await list(services, decided, new Set(needless));
  await dropPoints(services.target, needless);
  if (await isOver(services, machine)) return putBack(services, machine, needless);
  await putBackTested(services, machine, needless);
  await services.records.retention.upsert(machine, (old = noRetention(machine)) =>
    withThinned(old, retention.keep, needless.length),
  );
  return "done";
}

/**
 * Whoever finds a manifest gone must know that it was deleted: so its point comes off the list first. A list that cannot be
 * believed is written anew, though it be of nothing. What is listed and was lost since healing looked stays on it: the next round
 * makes it again.
 */
async function list(
  { target, records }: RetentionServices,
  { item: { machine }, points }: Decided,
  needless: ReadonlySet<RecoveryPoint>,
): Promise<void> {
  const { places, damaged } = await registeredPoints(target, machine);
  const there = new Set(points.map(nameOf));
  const lost: PointPlace[] = [];
  for (const place of places)
    if (!there.has(nameOf(place)) && (await isWhole(target, place))) lost.push(place);
  const listed = [...points.filter((point) => !needless.has(point)), ...lost];
  const generations = new Set([...points, ...places].map(({ generation }) => generation).concat(damaged));
  for (const of of generations)
    await registerPoints(
      target,
      machine,
      of,
      listed.filter(({ generation }) => generation === of).toSorted((a, b) => a.sequence - b.sequence),
    );
  await records.progress.update(machine, (old) => withoutMade(old, points));
}

/** A failover that began between the look and the deletion waits for the very point that it was asked for. */
async function putBack(
  services: RetentionServices,
  machine: MachineId,
  dropped: readonly RecoveryPoint[],
): Promise<"ended"> {
  const { job } = await itemOf(services, machine);
  const wanted = dropped.findLast(({ id }) => id === job.point);
  if (wanted) await createPoint(services.target, wanted);
  return "ended";
}

/** The same for a test; what it was not asked for by name it chooses once more. */
async function putBackTested(
  services: RetentionServices,
  machine: MachineId,
  dropped: readonly RecoveryPoint[],
): Promise<void> {
  const item = await itemOf(services, machine);
  for (const point of dropped.filter((each) => isTested(item, each)))
    await createPoint(services.target, point);
}
