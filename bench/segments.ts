import { randomBytes } from "node:crypto";
import { NO_DIGEST } from "../engine/core/digest.ts";
import { machineId } from "../engine/core/ids.ts";
import { type Bytes, bytes, diskIndex, generation, micros, ordinal, sequence } from "../engine/core/units.ts";
import { newDataKey } from "../engine/journal/key.ts";
import { type JournalPosition, startOf } from "../engine/journal/position.ts";
import { follow } from "../engine/journal/chain.ts";
import { sealSegment } from "../engine/journal/seal.ts";
import type { CheckedSegment } from "../engine/journal/segment.ts";

export const MACHINE = machineId("bench");
export const KEY = newDataKey();
export const START: JournalPosition = startOf(generation(1), sequence(0));

/** Where one write goes. */
export interface Place {
  readonly offset: Bytes;
  readonly length: number;
}

export interface Journal {
  readonly segments: readonly CheckedSegment[];
  readonly end: JournalPosition;
}

/** One segment for each list of writes. @param content as many bytes as it is asked for; random ones do not compress */
export async function journalOf(
  lists: readonly (readonly Place[])[],
  content: (size: number) => Buffer = randomBytes,
): Promise<Journal> {
  const all = content(lists.flat().reduce((sum, { length }) => sum + length, 0));
  const segments: CheckedSegment[] = [];
  let position = START;
  let at = 0;
  for (const list of lists) {
    const records = list.map(({ offset, length }, i) => ({
      kind: "data" as const,
      sequence: sequence(position.sequence + 1 + i),
      time: micros(1_790_000_000_000_000),
      disk: diskIndex(0),
      offset,
      data: all.subarray(at, (at += length)),
    }));
    const segment = await sealSegment({
      machine: MACHINE,
      generation: START.generation,
      ordinal: ordinal(segments.length),
      previous: segments.at(-1)?.digest ?? NO_DIGEST,
      from: position.sequence,
      records,
      key: KEY,
    });
    segments.push(segment);
    position = follow(MACHINE, position, segment);
  }
  return { segments, end: position };
}

/** Bytes from 0 on, one after the other, in writes of this length. */
export const sequential = (from: number, total: number, length: number): Place[] =>
  Array.from({ length: total / length }, (_, i) => ({ offset: bytes(from + i * length), length }));
