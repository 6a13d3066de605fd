import { LeewardError, hasCode } from "../core/errors.ts";
import type { GroupId } from "../core/ids.ts";
import { type GroupPoint, decodeGroupPoint, encodeGroupPoint } from "../journal/group-manifest.ts";
import {
  type GroupPointPlace,
  groupPointName,
  groupPointsPrefix,
  groupTwinName,
  groupTwinsPrefix,
  parseGroupPointName,
  parseGroupTwinName,
} from "../journal/names.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import type { Healed } from "./pass-over.ts";
import { rereading } from "./reread.ts";

/**
 * Puts a group's point, last of all and only if absent, and then the same once more: who its members were is written
 * nowhere else. One that exists must be the same: another run was faster.
 * @throws ManifestDamaged
 */
export async function createGroupPoint(target: ObjectStore, point: GroupPoint): Promise<void> {
  const document = encodeGroupPoint(point);
  await putOnce(target, groupPointName(point), document);
  await putOnce(target, groupTwinName(point), document);
}

async function putOnce(target: ObjectStore, name: string, document: Buffer): Promise<void> {
  try {
    await target.put(name, document, "absent");
    return;
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
  const existing = await target.get(name);
  if (existing && document.equals(existing.body)) return;
  if (existing && isWhole(existing.body))
    throw new LeewardError("ManifestDamaged", `${name} is not what its members' points say`);
  // Seed 805: what the faster run put was spoiled since.
  await putOver(target, name, document, existing?.etag);
}

const isWhole = (body: Buffer): boolean => {
  try {
    decodeGroupPoint(body);
    return true;
  } catch (error) {
    if (!hasCode(error, "ManifestDamaged")) throw error;
    return false;
  }
};

/** In place of what is gone or damaged; false when somebody else was faster. */
async function putOver(
  target: ObjectStore,
  name: string,
  document: Buffer,
  damaged: ETag | undefined,
): Promise<boolean> {
  try {
    await target.put(name, document, damaged ? { unchangedSince: damaged } : "absent");
    return true;
  } catch (error) {
    if (hasCode(error, "ObjectExists") || hasCode(error, "ObjectChanged")) return false;
    throw error;
  }
}

/** Every point of the group, ascending by instant. One listing; no manifest is read. */
export const listGroupPoints = (target: ObjectStore, group: GroupId): Promise<GroupPointPlace[]> =>
  placesIn(target, groupPointsPrefix(group), parseGroupPointName);

/**
 * The same with those whose manifest is lost. Two listings, in this order: deletion goes the other way, so what is being
 * deleted meanwhile is not taken for lost.
 */
export async function listKeptGroupPoints(
  target: ObjectStore,
  group: GroupId,
): Promise<{ readonly there: readonly GroupPointPlace[]; readonly lost: readonly GroupPointPlace[] }> {
  const there = await listGroupPoints(target, group);
  const names = new Set(there.map(groupPointName));
  const twins = await placesIn(target, groupTwinsPrefix(group), parseGroupTwinName);
  return { there, lost: twins.filter((place) => !names.has(groupPointName(place))) };
}

async function placesIn(
  target: ObjectStore,
  prefix: string,
  parse: (name: string) => GroupPointPlace | undefined,
): Promise<GroupPointPlace[]> {
  const places: GroupPointPlace[] = [];
  for await (const { name } of target.list(prefix)) {
    const place = parse(name);
    if (place) places.push(place);
  }
  return places;
}

/** @throws NotFound, ManifestDamaged, ManifestVersionUnknown */
export const readGroupPoint = (target: ObjectStore, place: GroupPointPlace): Promise<GroupPoint> =>
  rereading(() => readAt(target, place, groupPointName(place)));

async function readAt(target: ObjectStore, place: GroupPointPlace, name: string): Promise<GroupPoint> {
  const object = await target.get(name);
  if (!object) throw new LeewardError("NotFound", `there is no group point ${name}`);
  const point = decodeGroupPoint(object.body);
  if (groupPointName(point) !== groupPointName(place))
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

/**
 * Puts the manifest again of what is kept of it once more. Undefined when that is gone or damaged as well, or somebody else
 * was faster. @throws ManifestVersionUnknown; storage errors
 */
export async function healGroupPoint(
  target: ObjectStore,
  place: GroupPointPlace,
): Promise<Healed | undefined> {
  const name = groupPointName(place);
  const there = await target.get(name);
  const twin = await rereading(() => readAt(target, place, groupTwinName(place))).catch(spoiled);
  if (!twin) return undefined;
  if (!(await putOver(target, name, encodeGroupPoint(twin), there?.etag))) return undefined;
  return { name, what: `was ${there ? "changed" : "gone"}; made again from its twin` };
}

/** Twins first: a twin without its manifest has lost it. */
export async function dropGroupPoints(
  target: ObjectStore,
  points: readonly GroupPointPlace[],
): Promise<void> {
  if (points.length === 0) return;
  await target.delete(points.map(groupTwinName));
  await target.delete(points.map(groupPointName));
}

function gone(error: unknown): undefined {
  if (!hasCode(error, "NotFound")) throw error;
}

function spoiled(error: unknown): undefined {
  if (!hasCode(error, "ManifestDamaged")) gone(error);
}
