import { SECTOR, type Sequence, sequence } from "../../engine/core/units.ts";
import type { WriteRecord } from "../../engine/journal/record.ts";
import { type Promised, SEED, type Subject, below } from "./cuts.ts";
import type { Journal } from "./journal.ts";

/** A disk that is not what a cut at this write leaves. */
interface Spoiled {
  readonly writes: readonly WriteRecord[];
  readonly cut: Sequence;
}

/** Builds a disk wrong on purpose, in a way that this promise should show. Undefined when it cannot be done there. */
type Spoil = (journal: Journal, promised: Promised) => Spoiled | undefined;

/** What a spoil must be noticed at: some hit what nobody asks for, such as a page that is written again. */
export const ALL = 1;
export const SOME = 0.05;

const upTo = (journal: Journal, cut: number): readonly WriteRecord[] => journal.writes.slice(0, cut);

/** An older image instead of the one that was asked for. */
export const stale: Spoil = (journal, { begun, kept }) => ({ writes: upTo(journal, begun), cut: kept });

/** The disk answered a flush, and did not have what it covers. */
export const droppedFlush: Spoil = (journal, { begun, kept }) => {
  const flushed = journal.flushedAt(kept);
  if (flushed <= begun) return undefined;
  return { writes: [...upTo(journal, begun), ...journal.writes.slice(flushed, kept)], cut: kept };
};

/** One write in front of a flush and one behind it change places, and the cut is between. */
export const reordered: Spoil = (journal, { begun, kept }) => {
  const flushed = journal.flushedAt(kept);
  const behind = journal.writes[flushed];
  if (flushed <= begun || !behind) return undefined;
  const late = begun + below(flushed - begun);
  const cut = sequence(Math.max(kept, flushed + 1));
  const writes = [...upTo(journal, flushed), behind, ...journal.writes.slice(flushed + 1, cut)];
  return { writes: writes.toSpliced(late, 1), cut };
};

/** The last 4 KiB of a flushed write are half new and half what was there before. */
export const torn: Spoil = (journal, { begun, kept }) => {
  const flushed = journal.flushedAt(kept);
  if (flushed <= begun) return undefined;
  const at = begun + below(flushed - begun);
  const write = journal.writes[at];
  if (write?.kind !== "data") return undefined;
  const half = Math.min(write.data.length / SECTOR, 8) / 2;
  const data = write.data.subarray(0, write.data.length - Math.ceil(half) * SECTOR);
  return { writes: upTo(journal, kept).with(at, { ...write, data }), cut: kept };
};

/** Spoils the disks at random promises and looks. @returns the share that was noticed, which is printed, too */
export async function noticed(subject: Subject, name: string, spoil: Spoil, tries = 20): Promise<number> {
  const { journal, images, wrongs } = subject;
  let caught = 0;
  let example = "";
  for (let done = 0; done < tries; done++) {
    const { writes, cut } = spoiled(subject, name, spoil);
    journal.carryOut(writes, images);
    const [found] = await wrongs(cut);
    if (found === undefined) continue;
    caught++;
    example = found;
  }
  console.log(`${name}: noticed ${caught} of ${tries}, such as: ${example} (SEED=${SEED})`);
  return caught / tries;
}

function spoiled({ journal, promised }: Subject, name: string, spoil: Spoil): Spoiled {
  for (let tries = 0; tries < 1000; tries++) {
    const one = promised[below(promised.length)];
    const made = one && spoil(journal, one);
    if (made) return made;
  }
  throw new Error(`nothing to spoil: ${name} (SEED=${SEED})`);
}
