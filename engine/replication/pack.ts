import { LeewardError, hasCode, messageOf } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, MIB, type Ordinal, bytes, ordinal } from "../core/units.ts";
import { segmentName } from "../journal/names.ts";
import { type CheckedSegment, checkSegment, splitPack } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";

/** A pack: an object of 1..n whole segments back to back, named by the ordinal of the first. */
export interface PackPlace {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly first: Ordinal;
}

/** More than any pack has. */
const MOST_PACK = bytes(256 * MIB);

/**
 * The segments of the pack of this name, checked as `readPack` does; undefined when there is no such object. Asks for a
 * range, because the storage's own checksum, which comes with a whole object, would add nothing to theirs and cost
 * twice as much as the SHA-256.
 */
export async function fetchPack(
  objects: ObjectStore,
  place: PackPlace,
): Promise<CheckedSegment[] | undefined> {
  const name = segmentName(place.machine, place.generation, place.first);
  const body = await objects.getRange(name, bytes(0), MOST_PACK);
  return body && readPack(place, body);
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
