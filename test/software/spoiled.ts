import { SECTOR, type Sequence, bytes, sequence } from "../../engine/core/units.ts";
import type { WriteRecord } from "../../engine/journal/record.ts";
import { type Promised, SEED, type Subject, below } from "./cuts.ts";
import type { Journal } from "./journal.ts";

/** A disk that is not what a cut at this write leaves. */
interface Spoiled {
  readonly writes: readonly WriteRecord[];
  readonly cut: Sequence;
}

/** Builds a disk wrong on purpose, in a way that this promise should show. Undefined when it cannot be done there. */
export type Spoil = (journal: Journal, promised: Promised) => Spoiled | undefined;

const upTo = (journal: Journal, cut: number): readonly WriteRecord[] => journal.writes.slice(0, cut);

/** An older image instead of the one that was asked for. */
export const stale: Spoil = (journal, { begun, kept }) => ({ writes: upTo(journal, begun), cut: kept });

/** The disk answered a flush, and did not have what it covers. */
export const droppedFlush: Spoil = (journal, { begun, kept }) => {
  const flushed = journal.flushedAt(kept);
  if (flushed <= begun) return undefined;
  return { writes: [...upTo(journal, begun), ...journal.writes.slice(flushed, kept)], cut: kept };
};

/** The last write in front of a flush and the first one behind it change places, and the cut is between. */
export const reordered: Spoil = (journal, { begun, kept }) => {
  const flushed = journal.flushedAt(kept);
  const behind = journal.writes[flushed];
  if (flushed <= begun || !behind) return undefined;
  const cut = sequence(Math.max(kept, flushed + 1));
  return { writes: [...upTo(journal, flushed - 1), behind, ...journal.writes.slice(flushed + 1, cut)], cut };
};

/** Of the last write in front of a flush some sectors are new, and some what was there before. */
export const torn: Spoil = (journal, { begun, kept }) => {
  const flushed = journal.flushedAt(kept);
  const write = journal.writes[flushed - 1];
  if (flushed <= begun || write?.kind !== "data") return undefined;
  const sectors = Array.from({ length: write.data.length / SECTOR }, (_, n) => ({
    ...write,
    offset: bytes(write.offset + n * SECTOR),
    data: write.data.subarray(n * SECTOR, (n + 1) * SECTOR),
  }));
  const arrived = sectors.filter(() => below(2) === 0);
  return { writes: upTo(journal, kept).toSpliced(flushed - 1, 1, ...arrived), cut: kept };
};

const TRIES = 8;
const PATIENCE = 80;

/** Spoils the disks at random promises. @returns the cuts at which nobody noticed */
export async function unnoticed(subject: Subject, name: string, spoil: Spoil): Promise<Sequence[]> {
  const missed: Sequence[] = [];
  for (let done = 0; done < TRIES; done++) {
    const { cut, found } = await tried(subject, name, spoil);
    if (found === undefined) missed.push(cut);
    else if (done === 0) console.log(`${name}: noticed, such as: ${found} (SEED=${SEED})`);
  }
  return missed;
}

/**
 * The same for what may hit a page that is written again, or that nobody asks for: until somebody notices.
 * @returns what was found; undefined when nobody ever does
 */
export async function noticed(subject: Subject, name: string, spoil: Spoil): Promise<string | undefined> {
  for (let done = 1; done <= PATIENCE; done++) {
    const { found } = await tried(subject, name, spoil);
    if (found === undefined) continue;
    console.log(`${name}: noticed at try ${done}: ${found} (SEED=${SEED})`);
    return found;
  }
  return undefined;
}

async function tried(subject: Subject, name: string, spoil: Spoil) {
  const { writes, cut } = spoiled(subject, name, spoil);
  subject.journal.carryOut(writes, subject.images);
  const [found] = await subject.wrongs(cut);
  return { cut, found };
}

function spoiled({ journal, promised }: Subject, name: string, spoil: Spoil): Spoiled {
  for (let tries = 0; tries < 1000; tries++) {
    const one = promised[below(promised.length)];
    const made = one && spoil(journal, one);
    if (made) return made;
  }
  throw new Error(`nothing to spoil: ${name} (SEED=${SEED})`);
}
