import { LeewardError } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { follow } from "../journal/chain.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { fetchPack } from "./pack.ts";

/** A run of whole segments that is, or is to be, one object of the target. */
export interface Cargo {
  readonly start: JournalPosition;
  readonly segments: CheckedSegment[];
  end: JournalPosition;
  /** As stored. */
  bytes: number;
  /** Of all its bytes, where they came as one object whose storage said so. */
  md5: Uint8Array | undefined;
}

/**
 * The target's object that begins at the position, checked to follow it; undefined when there is none.
 * @throws SegmentDamaged, SegmentVersionUnknown, ChainBroken
 */
export async function adopt(
  target: ObjectStore,
  machine: MachineId,
  start: JournalPosition,
): Promise<Cargo | undefined> {
  const pack = await fetchPack(target, { machine, generation: start.generation, first: start.next });
  if (!pack) return undefined;
  const { segments, md5 } = pack;
  const size = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  return { start, segments, end: followAll(machine, start, segments), bytes: size, md5 };
}

const followAll = (machine: MachineId, start: JournalPosition, segments: readonly CheckedSegment[]) =>
  segments.reduce((position, segment) => follow(machine, position, segment), start);

/** @throws ChainBroken when a segment that both hold is not the same in both */
export function checkSame(name: string, ours: Cargo, theirs: Cargo): void {
  for (const [index, segment] of theirs.segments.entries()) {
    const own = ours.segments[index];
    if (own && own.digest !== segment.digest)
      throw new LeewardError(
        "ChainBroken",
        `the target's ${name} holds segment ${segment.header.ordinal} as ${segment.digest}, the cache as ${own.digest}`,
      );
  }
}
