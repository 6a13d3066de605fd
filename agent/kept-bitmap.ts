import { Bitmap } from "./bitmap.ts";
import { type Files, type OpenFile, openOrMake } from "./files.ts";

/** Written at once: 32,768 blocks, or 2 GiB of disk. */
const PAGE = 4096;

/**
 * A set of block numbers that is also in a file as of the last `save`. What was saved is in the page cache, which
 * outlives this process but not the machine.
 */
export class KeptBitmap {
  readonly #file: OpenFile;
  readonly #bitmap: Bitmap;
  /** Pages that changed since the last save. */
  readonly #touched = new Set<number>();

  /** Makes the file when it is missing. @throws the file system's error, as `save` does */
  constructor(files: Files, path: string, bound: number) {
    this.#file = openOrMake(files, path);
    this.#bitmap = new Bitmap(bound);
    this.#file.read(this.#bitmap.content, 0);
    this.#bitmap.recount();
  }

  get numbers(): Bitmap {
    return this.#bitmap;
  }

  add(n: number): void {
    this.#bitmap.add(n);
    this.#touched.add(Math.floor(n / (8 * PAGE)));
  }

  /** The file becomes what the set is. */
  save(): void {
    for (const page of this.#touched) this.#write(page);
    this.#touched.clear();
  }

  /** The set, and the file, become what the other is. */
  become(other: Bitmap): void {
    this.#bitmap.become(other);
    for (let page = 0; page * PAGE < this.#bitmap.content.length; page++) this.#touched.add(page);
    this.save();
  }

  /** Of both. */
  clear(): void {
    if (this.#bitmap.count > 0) this.become(new Bitmap(this.#bitmap.bound));
    else this.save();
  }

  close(): void {
    this.#file.close();
  }

  #write(page: number): void {
    const part = this.#bitmap.content.subarray(page * PAGE, (page + 1) * PAGE);
    const written = this.#file.write([part], page * PAGE);
    if (written !== part.length)
      throw new Error(`${written} of ${part.length} bytes of a bitmap were written`);
  }
}
