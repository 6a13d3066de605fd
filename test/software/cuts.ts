import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Sequence, sequence } from "../../engine/core/units.ts";
import { seededRandom } from "../../local/machine/seeded-random.ts";
import type { Journal } from "./journal.ts";

export const SEED = Number(process.env["SEED"] ?? Date.now() % 2 ** 32);
const random = seededRandom(SEED);
export const below = (limit: number): number => Math.floor(random() * limit);
/** How many places a journal is cut at; fewer where each costs a second, unless so many are asked for. */
export const CUTS = Number(process.env["CUTS"] ?? 300);
export const FEW_CUTS = Number(process.env["CUTS"] ?? 60);

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
  const started = performance.now();
  for (let n = 0; n < count; n++) {
    const cut = n === 0 ? journal.end : sequence(from + below(journal.end + 1 - from));
    await journal.restore(cut, images);
    const found = [...(n === 0 ? differences(images, journal.disks) : []), ...(await wrongs(cut))];
    if (found.length > 0) return [`cut at write ${cut}; ${keep(subject)} (SEED=${SEED})`, ...found];
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${count} cuts among ${journal.end - from} writes in ${seconds} s (SEED=${SEED})`);
  return [];
}

function differences(images: readonly string[], disks: readonly string[]): string[] {
  return images.flatMap((image, index) =>
    readFileSync(image).equals(readFileSync(disks[index] ?? "")) ? [] : [`disk ${index} is not the source's`],
  );
}

/** A workload does not run the same way twice, so what failed is kept. */
function keep({ journal, promised }: Subject): string {
  const place = mkdtempSync(path.join(tmpdir(), "leeward-cut-"));
  cpSync(journal.directory, path.join(place, "journal"), { recursive: true });
  writeFileSync(path.join(place, "promised.json"), JSON.stringify(promised));
  return place;
}
