import { LeewardError, hasCode, messageOf } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, type Ordinal, ordinal } from "../core/units.ts";
import { segmentName } from "../journal/names.ts";
import { type CheckedSegment, checkSegment, splitPack } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { READS, rereading } from "./reread.ts";

/** A pack: an object of 1..n whole segments back to back, named by the ordinal of the first. */
export interface PackPlace {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly first: Ordinal;
}

export interface Pack {
  /** Each checked; at least one. */
  readonly segments: CheckedSegment[];
  /** Of the whole object, as the storage says. */
  readonly md5: Uint8Array | undefined;
}

/**
 * The pack of this name, checked as `readPack` does; undefined when there is no such object. The storage's own checksum
 * would add nothing to that, so it is handed on unchecked: it guards the same bytes on their way to another storage.
 */
export async function fetchPack(objects: ObjectStore, place: PackPlace): Promise<Pack | undefined> {
  const name = segmentName(place.machine, place.generation, place.first);
  return rereading(async () => {
    const object = await objects.get(name, "unchecked");
    return object && { segments: readPack(place, object.body), md5: object.md5 };
  });
}

/** Of a pack that was there: a storage that does not know it is asked again. Empty when it is gone. @throws as `fetchPack` */
export async function segmentsOf(objects: ObjectStore, place: PackPlace): Promise<readonly CheckedSegment[]> {
  for (let reads = 1; reads <= READS; reads++) {
    const pack = await fetchPack(objects, place);
    if (pack) return pack.segments;
  }
  return [];
}

/**
 * The segments of a pack in order, each checked, and that they are what the object's name says and follow each other.
 * @throws SegmentDamaged, SegmentVersionUnknown, ChainBroken, all naming the object.
 */
function readPack(place: PackPlace, body: Buffer): CheckedSegment[] {
  const name = segmentName(place.machine, place.generation, place.first);
  const segments = naming(name, () => splitPack(body).map(checkSegment));
  if (segments.length === 0) throw new LeewardError("SegmentDamaged", `${name} holds no segment`);
  let before: CheckedSegment | undefined;
  for (const [index, segment] of segments.entries()) {
    checkPlace(name, segment, place, ordinal(place.first + index));
    if (before && segment.header.previous !== before.digest)
      throw new LeewardError(
        "ChainBroken",
        `${name}: segment ${segment.header.ordinal} names ${segment.header.previous} before it, which is ${before.digest}`,
      );
    before = segment;
  }
  return segments;
}

function checkPlace(name: string, { header }: CheckedSegment, place: PackPlace, expected: Ordinal): void {
  if (
    header.machine === place.machine &&
    header.generation === place.generation &&
    header.ordinal === expected
  )
    return;
  throw new LeewardError(
    "ChainBroken",
    `${name} holds segment ${header.ordinal} of machine ${header.machine}, generation ${header.generation}` +
      ` where segment ${expected} of ${place.machine}, generation ${place.generation} belongs`,
  );
}

function naming<Result>(name: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, "SegmentDamaged"))
      throw new LeewardError("SegmentDamaged", `${name}: ${messageOf(error)}`, error);
    if (hasCode(error, "SegmentVersionUnknown"))
      throw new LeewardError("SegmentVersionUnknown", `${name}: ${messageOf(error)}`, error);
    throw error;
  }
}
