import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Sequence, sequence } from "../../engine/core/units.ts";
import { seededRandom } from "../../local/machine/seeded-random.ts";
import type { Moment } from "../../engine/replication/moment.ts";
import type { Journal } from "./journal.ts";
import { run } from "./programs.ts";

export const SEED = Number(process.env["SEED"] ?? Date.now() % 2 ** 32);
const random = seededRandom(SEED);
export const below = (limit: number): number => Math.floor(random() * limit);
/** How many places a journal is cut at. */
export const CUTS = Number(process.env["CUTS"] ?? 300);
/** So many cuts are restored by what differs from the one before, then one as a whole, too. */
const MOVES = 20;

/** Something that the software promised to keep while the agent took its writes. */
export interface Promised {
  /** The newest write when the work began: an earlier cut has none of it. */
  readonly begun: Sequence;
  /** The newest write when the software called it durable: a later cut has all of it. */
  readonly kept: Sequence;
}

/** Real software whose disks were captured, and how to look at what a crash left of it. */
export interface Subject {
  readonly journal: Journal;
  readonly promised: readonly Promised[];
  /** Where restored disks go. */
  readonly images: readonly string[];
  /** Starts the software on the images. @returns what is wrong; nothing when it is what a cut at this write may leave */
  readonly wrongs: (cut: Sequence) => Promise<string[]>;
}

/**
 * For promises that are numbered from 1 and were kept one after the other or side by side.
 * @param found the numbers that are there
 */
export function wrongNumbers(
  found: readonly number[],
  promised: readonly Promised[],
  cut: Sequence,
): string[] {
  const there = new Set(found);
  return promised.flatMap(({ begun, kept }, index) => {
    const number = index + 1;
    if (kept <= cut && !there.has(number)) return [`${number} was acknowledged at write ${kept} and is gone`];
    if (begun >= cut && there.has(number)) return [`${number} was begun at write ${begun} and is there`];
    return [];
  });
}

/**
 * Cuts the journal at its end and at random places, restores each as the product does it, and looks.
 * @returns what is wrong at the first cut that is not as it should be, and where the journal is kept
 */
export async function wrongCut(subject: Subject, count: number): Promise<string[]> {
  const { journal, promised, images, wrongs } = subject;
  const from = promised[0]?.begun ?? journal.end;
  if (journal.end - from < count / 2) throw new Error(`only ${journal.end - from} writes`);
  const places = Array.from({ length: count - 1 }, () => from + below(journal.end + 1 - from));
  // What the software recovers is a copy, since it writes.
  const moved = images.map((image) => `${image}.moved`);
  const started = performance.now();
  let at: Moment | undefined;
  for (const [n, place] of [journal.end, ...places.toSorted((a, b) => a - b)].entries()) {
    const cut = sequence(place);
    at = await journal.move(at, cut, moved);
    const found = n % MOVES === 0 ? await wrongImages(journal, cut, moved, images) : [];
    for (const [index, image] of images.entries()) await copySparse(moved[index] ?? "", image);
    found.push(...(await wrongs(cut)));
    if (found.length > 0) return [`cut at write ${cut}; ${keep(subject)} (SEED=${SEED})`, ...found];
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${count} cuts among ${journal.end - from} writes in ${seconds} s (SEED=${SEED})`);
  return [];
}

/** Restored as a whole the disks must be the same, and at the journal's end what the source's are. */
async function wrongImages(
  journal: Journal,
  cut: Sequence,
  moved: readonly string[],
  images: readonly string[],
): Promise<string[]> {
  await journal.restore(cut, images);
  return [
    ...differences(moved, images).map((which) => `${which} the one that was restored as a whole`),
    ...(cut === journal.end ? differences(images, journal.disks) : []).map(
      (which) => `${which} the source's`,
    ),
  ];
}

const copySparse = (from: string, to: string): Promise<string> => run("cp", from, to);

function differences(images: readonly string[], disks: readonly string[]): string[] {
  return images.flatMap((image, index) =>
    readFileSync(image).equals(readFileSync(disks[index] ?? "")) ? [] : [`disk ${index} is not`],
  );
}

/** A workload does not run the same way twice, so what failed is kept. */
function keep({ journal, promised }: Subject): string {
  const place = mkdtempSync(path.join(tmpdir(), "leeward-cut-"));
  cpSync(journal.directory, path.join(place, "journal"), { recursive: true });
  writeFileSync(path.join(place, "promised.json"), JSON.stringify(promised));
  return place;
}
