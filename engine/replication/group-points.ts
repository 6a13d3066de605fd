import { LeewardError, hasCode } from "../core/errors.ts";
import type { GroupId } from "../core/ids.ts";
import { type GroupPoint, decodeGroupPoint, encodeGroupPoint } from "../journal/group-manifest.ts";
import {
  type GroupPointPlace,
  groupPointName,
  groupPointsPrefix,
  parseGroupPointName,
} from "../journal/names.ts";
import type { ObjectStore } from "../storage/store.ts";

/**
 * Puts a group's point, last of all and only if absent. One that exists must be the same: another run was faster.
 * @throws ManifestDamaged
 */
export async function createGroupPoint(target: ObjectStore, point: GroupPoint): Promise<void> {
  const name = groupPointName(point);
  const document = encodeGroupPoint(point);
  try {
    await target.put(name, document, "absent");
    return;
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
  const existing = await target.get(name);
  if (!existing || !document.equals(existing.body))
    throw new LeewardError("ManifestDamaged", `${name} is not what its members' points say`);
}

/** Every point of the group, ascending by instant. One listing; no manifest is read. */
export async function listGroupPoints(target: ObjectStore, group: GroupId): Promise<GroupPointPlace[]> {
  const places: GroupPointPlace[] = [];
  for await (const { name } of target.list(groupPointsPrefix(group))) {
    const place = parseGroupPointName(name);
    if (place) places.push(place);
  }
  return places;
}

/** @throws NotFound, ManifestDamaged, ManifestVersionUnknown */
export async function readGroupPoint(target: ObjectStore, place: GroupPointPlace): Promise<GroupPoint> {
  const name = groupPointName(place);
  const object = await target.get(name);
  if (!object) throw new LeewardError("NotFound", `there is no group point ${name}`);
  const point = decodeGroupPoint(object.body);
  if (groupPointName(point) !== name)
    throw new LeewardError("ManifestDamaged", `${name} is the manifest of another point, ${point.id}`);
  return point;
}

/** In this order, without those that are gone. One GET for each. */
export async function readGroupPoints(
  target: ObjectStore,
  places: readonly GroupPointPlace[],
): Promise<GroupPoint[]> {
  const points: GroupPoint[] = [];
  for (const place of places) {
    const point = await readGroupPoint(target, place).catch(gone);
    if (point) points.push(point);
  }
  return points;
}

export const dropGroupPoints = (target: ObjectStore, points: readonly GroupPointPlace[]): Promise<void> =>
  target.delete(points.map(groupPointName));

function gone(error: unknown): undefined {
  if (!hasCode(error, "NotFound")) throw error;
}
