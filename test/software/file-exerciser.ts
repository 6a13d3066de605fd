import { randomBytes } from "node:crypto";
import { type FileHandle, open, readFile } from "node:fs/promises";
import path from "node:path";
import { KIB, type Sequence, sequence } from "../../engine/core/units.ts";
import { below } from "./cuts.ts";
import { run } from "./programs.ts";
import { type Version, possible } from "./versions.ts";

const LARGEST = 96 * KIB;
const NEVER = sequence(Number.MAX_SAFE_INTEGER);
const FS_BLOCK = 4 * KIB;
const NAME = "exercised";

/**
 * Does to one file what a file can be asked for, at random, and compares it with a model after each step: writes at any
 * offset, longer and shorter sizes, holes, zeroed ranges, now and then a sync. As Apple's `fsx` of old.
 */
export class FileExerciser {
  readonly #states: Version<Buffer>[] = [{ begun: sequence(0), kept: sequence(0), value: Buffer.alloc(0) }];

  /** @throws Error when the file is not what the model says */
  async exercise(directory: string, steps: number, newest: () => Promise<Sequence>): Promise<void> {
    const place = path.join(directory, NAME);
    const file = await open(place, "w+");
    let model: Buffer = Buffer.alloc(0);
    for (let done = 0; done < steps; done++) {
      const begun = await newest();
      model = await step(file, place, model);
      if (!(await readFile(place)).equals(model))
        throw new Error(`step ${done}: the file is not as the model`);
      const synced = below(6) === 0;
      if (synced) await file.sync();
      this.#states.push({ begun, kept: synced ? await newest() : NEVER, value: model });
    }
    await file.close();
  }

  /**
   * Between two syncs each byte may be older or newer, as pages are written, and a file that grows may have grown by some
   * blocks only; but nothing is there that never was.
   */
  async wrongs(directory: string, cut: Sequence): Promise<string[]> {
    const states = possible(this.#states, cut);
    const lengths = states.map(({ length }) => length);
    const found = await readFile(path.join(directory, NAME)).catch(() => Buffer.alloc(0));
    const growing = found.length % FS_BLOCK === 0 && isWithin(found.length, lengths);
    if (!growing && !lengths.includes(found.length))
      return [`the exercised file has ${found.length} bytes, none of ${lengths.join(", ")}`];
    const strange = found.findIndex((byte, at) => states.every((state) => (state[at] ?? 0) !== byte));
    return strange < 0 ? [] : [`byte ${strange} of the exercised file is in none of ${states.length} states`];
  }
}

const isWithin = (length: number, lengths: readonly number[]): boolean =>
  Math.min(...lengths) <= length && length <= Math.max(...lengths);

async function step(file: FileHandle, place: string, model: Buffer): Promise<Buffer> {
  const offset = below(LARGEST);
  const length = 1 + below(LARGEST - offset);
  const next = Buffer.alloc(LARGEST);
  model.copy(next);
  switch (below(8)) {
    case 0:
      await file.truncate(offset);
      return resized(model, offset);
    case 1: {
      await run("fallocate", "--punch-hole", "--offset", `${offset}`, "--length", `${length}`, place);
      return resized(next.fill(0, offset, offset + length), model.length);
    }
    case 2: {
      await run("fallocate", "--zero-range", "--offset", `${offset}`, "--length", `${length}`, place);
      return resized(next.fill(0, offset, offset + length), Math.max(model.length, offset + length));
    }
    default: {
      const data = randomBytes(length);
      await file.write(data, 0, length, offset);
      data.copy(next, offset);
      return resized(next, Math.max(model.length, offset + length));
    }
  }
}

function resized(content: Buffer, length: number): Buffer {
  const sized = Buffer.alloc(length);
  content.copy(sized);
  return sized;
}
