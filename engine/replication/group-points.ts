import { LeewardError, hasCode } from "../core/errors.ts";
import type { BarrierId, GroupId, MachineId } from "../core/ids.ts";
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
  const name = groupPointName(point.group, point.time, point.id);
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
async function readGroupPoint(
  target: ObjectStore,
  { group, time, id }: GroupPointPlace,
): Promise<GroupPoint> {
  const name = groupPointName(group, time, id);
  const object = await target.get(name);
  if (!object) throw new LeewardError("NotFound", `there is no group point ${name}`);
  const point = decodeGroupPoint(object.body);
  if (groupPointName(point.group, point.time, point.id) !== name)
    throw new LeewardError("ManifestDamaged", `${name} is the manifest of another point, ${point.id}`);
  return point;
}

/** Every point of the group, ascending. One listing, and one GET for each. */
export async function readGroupPoints(target: ObjectStore, group: GroupId): Promise<GroupPoint[]> {
  const points: GroupPoint[] = [];
  for (const place of await listGroupPoints(target, group)) {
    const point = await readGroupPoint(target, place).catch(gone);
    if (point) points.push(point);
  }
  return points;
}

/** Of the machine, those points that points of the group are made of. */
export const heldBy = (points: readonly GroupPoint[], machine: MachineId): BarrierId[] =>
  points.filter(({ members }) => members.some((one) => one.machine === machine)).map(({ id }) => id);

export const dropGroupPoints = (target: ObjectStore, points: readonly GroupPointPlace[]): Promise<void> =>
  target.delete(points.map(({ group, time, id }) => groupPointName(group, time, id)));

function gone(error: unknown): undefined {
  if (!hasCode(error, "NotFound")) throw error;
}
