import type { Digest } from "../core/digest.ts";
import type { MachineId } from "../core/ids.ts";
import { type Bytes, type Micros, bytes } from "../core/units.ts";
import { isFailoverRebuild, rebuildsPrefix } from "../journal/names.ts";
import { encodeExtents } from "../journal/extents-text.ts";
import { type Rebuild, decodeRebuild, encodeRebuild } from "../journal/rebuild-document.ts";
import type { ETag, ObjectStore } from "../storage/store.ts";
import type { AppliedState } from "./applied.ts";
import type { SizedDisk } from "./blocks.ts";
import { extentsUpTo, putKept, readKept } from "./kept-turn.ts";
import type { SourcePoint } from "./lineage.ts";
import { type Coverage, emptyCoverage } from "./merge.ts";
import type { Walked } from "./walk.ts";

/** One turn of a rebuild, which is kept under this name between turns. */
export interface RebuildTurn {
  readonly name: string;
  /** Of what makes it another rebuild: which disks these are, or what the replica was when it was begun. */
  readonly bound: Digest;
  /** Asked behind each segment: true when the rest is for another turn. */
  readonly enough: () => boolean;
}

/** How far it is, in bytes of the journal. */
export interface TurnProgress {
  readonly done: Bytes;
  readonly total: Bytes;
}

export type RebuiltPoint = SourcePoint & {
  readonly time?: Micros;
  readonly disks: readonly SizedDisk[];
};

/** What earlier turns left. */
export interface Begun {
  readonly coverage: Coverage;
  readonly walked: Walked;
  readonly applied: AppliedState | undefined;
  /** Guest bytes. */
  readonly written: number;
  readonly complete: boolean;
  /** Of the document that the next one takes the place of. */
  readonly etag: ETag | undefined;
}

/** A rebuild that somebody has begun, of whatever point. Undefined when there is none, or none that can be believed. */
export const readRebuild = async (objects: ObjectStore, name: string): Promise<Rebuild | undefined> =>
  (await keptRebuild(objects, name))?.rebuild;

/**
 * What there is of this rebuild; nothing, where it was not begun, or was another one's: that is overwritten by and by.
 * @param whole bytes to be read when nothing was
 */
export async function begunRebuild(
  objects: ObjectStore,
  { name, bound }: RebuildTurn,
  point: RebuiltPoint,
  whole: Bytes,
): Promise<Begun> {
  const kept = await keptRebuild(objects, name);
  const { rebuild, coverage, etag } = kept ?? {};
  if (!rebuild || !coverage || rebuild.bound !== bound || !isSame(rebuild.point, point)) {
    const walked = { place: undefined, left: whole };
    const nothing = { applied: undefined, written: 0, complete: false };
    return { coverage: emptyCoverage(point.disks), walked, ...nothing, etag };
  }
  const { place, left, applied, written, complete } = rebuild;
  return { coverage, walked: { place, left }, applied, written, complete, etag };
}

const isSame = (a: Rebuild["point"], b: RebuiltPoint): boolean =>
  a.id === b.id &&
  a.generation === b.generation &&
  a.sequence === b.sequence &&
  a.position.chain === b.position.chain;

/**
 * Keeps how far a turn came. The coverage must say nothing that is not on the disks.
 * @throws ObjectChanged when another run has brought it on
 */
export async function keepRebuild(
  objects: ObjectStore,
  { name, bound }: RebuildTurn,
  point: RebuiltPoint,
  { coverage, walked, applied, written, complete, etag }: Begun,
): Promise<void> {
  const { machine, generation, id, sequence, position, time, disks } = point;
  const sized = disks.map(({ index, size }) => ({ index, size }));
  const place = walked.place && { place: walked.place };
  const body = encodeRebuild({
    format: 1,
    machine,
    point: { generation, id, sequence, position, ...(time !== undefined && { time }), disks: sized },
    bound,
    ...place,
    left: walked.left,
    written: bytes(written),
    ...(applied && { applied }),
    covered: [...coverage].map(([disk, extents]) => ({ disk, extents: encodeExtents(extents) })),
    complete,
  });
  await putKept(objects, name, body, etag);
}

/** The disks are at the point: whoever is to rebuild them again begins anew. May run twice. */
export async function endRebuild(
  objects: ObjectStore,
  name: string,
  point: Pick<RebuiltPoint, "id">,
): Promise<void> {
  const rebuild = await readRebuild(objects, name);
  if (rebuild?.point.id === point.id) await objects.delete([name]);
}

/**
 * What rebuilds of a failover's disks have left, whatever point they were of: to be called when its disks are there, since a machine has one
 * failover at a time, and those before it were given up. Not what others go on with: the replica's, and a test's. May run twice.
 */
export async function dropRebuilds(objects: ObjectStore, machine: MachineId): Promise<void> {
  const names: string[] = [];
  for await (const { name } of objects.list(rebuildsPrefix(machine)))
    if (isFailoverRebuild(machine, name)) names.push(name);
  if (names.length > 0) await objects.delete(names);
}

const keptRebuild = (objects: ObjectStore, name: string) =>
  readKept(objects, name, (body) => {
    const rebuild = decodeRebuild(name, body);
    return { rebuild, coverage: coverageIn(name, rebuild) };
  });

function coverageIn(name: string, { covered, point: { disks } }: Rebuild): Coverage {
  const found = new Map(covered.map(({ disk, extents }) => [disk, extents]));
  return new Map(
    disks.map(({ index, size }) => [
      index,
      extentsUpTo(`${name}: disk ${index}`, found.get(index) ?? "", size),
    ]),
  );
}
