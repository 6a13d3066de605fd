import { type LeewardError, hasCode } from "../engine/core/errors.ts";
import type { GroupId } from "../engine/core/ids.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import type { GroupPointPlace } from "../engine/journal/names.ts";
import { healGroupPoint, listKeptGroupPoints, readGroupPoint } from "../engine/replication/group-points.ts";
import { isUnreadable } from "../engine/replication/points.ts";
import { noteHealed } from "./activities/healing.ts";
import type { Services } from "./services.ts";

type GroupServices = Pick<Services, "target" | "records" | "clock">;

/**
 * Every point of the group, ascending by instant; those whose manifest is gone were made again first. Two listings while all
 * is well.
 */
export async function groupPlaces(
  services: GroupServices,
  group: GroupId,
): Promise<readonly GroupPointPlace[]> {
  const { there, lost } = await listKeptGroupPoints(services.target, group);
  const healed: GroupPointPlace[] = [];
  for (const place of lost) if (await healAt(services, place)) healed.push(place);
  return [...there, ...healed].toSorted((a, b) => a.time - b.time);
}

/** The point; one whose manifest is damaged or gone is made again first. @throws NotFound, ManifestDamaged, ManifestVersionUnknown */
export async function groupPointAt(services: GroupServices, place: GroupPointPlace): Promise<GroupPoint> {
  try {
    return await readGroupPoint(services.target, place);
  } catch (error) {
    const mayHeal = hasCode(error, "ManifestDamaged") || hasCode(error, "NotFound");
    if (!mayHeal) throw error;
    // Somebody else may have been faster.
    await healAt(services, place);
    return readGroupPoint(services.target, place);
  }
}

/** A point of a group whose manifest cannot be read, nor its twin. */
export interface UnreadableGroupPoint {
  readonly place: GroupPointPlace;
  readonly error: LeewardError;
}

/** In this order, without those that were thinned meanwhile; those that cannot be read beside the others. */
export async function groupPointsAt(
  services: GroupServices,
  places: readonly GroupPointPlace[],
): Promise<{ readonly points: GroupPoint[]; readonly unreadable: UnreadableGroupPoint[] }> {
  const points: GroupPoint[] = [];
  const unreadable: UnreadableGroupPoint[] = [];
  for (const place of places) {
    const point = await groupPointAt(services, place).catch((error: unknown) => missed(place, error));
    if (!point) continue;
    if ("error" in point) unreadable.push(point);
    else points.push(point);
  }
  return { points, unreadable };
}

/** Told with one of its members: a person should hear that the storage lies. */
async function healAt(services: GroupServices, place: GroupPointPlace): Promise<boolean> {
  const healed = await healGroupPoint(services.target, place);
  if (!healed) return false;
  const [first] = (await readGroupPoint(services.target, place)).members;
  if (first) await noteHealed(services, first.machine, [healed]);
  return true;
}

/** Undefined for one that was thinned meanwhile. @throws what is not about the manifest */
export function missed(place: GroupPointPlace, error: unknown): UnreadableGroupPoint | undefined {
  if (isUnreadable(error)) return { place, error };
  if (!hasCode(error, "NotFound")) throw error;
  return undefined;
}
