import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ExtentSet } from "../engine/core/extent.ts";
import { type Bytes, type DiskIndex, bytes } from "../engine/core/units.ts";
import type { DataKey } from "../engine/journal/key.ts";
import type { WriteRecord } from "../engine/journal/record.ts";
import { changedImage, rawImage } from "../engine/replication/raw-image.ts";
import { type RestoreRequest, type Sink, restorePoint } from "../engine/replication/restore.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { LostLine } from "./lost-ranges.ts";

type Kept = RestoreRequest["point"];

/** Puts lost bytes into sparse images, at their places. */
export class Extraction {
  readonly #directory: string;
  readonly #kept: Kept;
  readonly #images = new Map<DiskIndex, Sink>();

  /** What an earlier one left there is replaced. */
  static async into(directory: string, kept: Kept): Promise<Extraction> {
    await mkdir(directory, { recursive: true });
    return new Extraction(directory, kept);
  }

  private constructor(directory: string, kept: Kept) {
    this.#directory = directory;
    this.#kept = kept;
  }

  /** In order: a later write lies over an earlier one. */
  async take(write: WriteRecord): Promise<void> {
    const image = this.#images.get(write.disk) ?? (await this.#open(write.disk));
    if (write.kind === "data") await image.write(write.offset, write.data);
    else await image.zero(write.offset, write.length);
  }

  async finish(lines: readonly LostLine[]): Promise<void> {
    for (const image of this.#images.values()) await image.finish();
    await writeFile(path.join(this.#directory, "lost.json"), `${JSON.stringify(lines, undefined, 1)}\n`);
  }

  /** What was kept at the places that were lost; the rest of these images is empty. Reads all of what was kept. */
  async putKept(
    source: { readonly objects: ObjectStore; readonly key: DataKey },
    ranges: ReadonlyMap<number, ExtentSet>,
    signal: AbortSignal,
  ): Promise<void> {
    const sinkFor = async ({ index, size }: { index: DiskIndex; size: Bytes }) => {
      const wanted = ranges.get(index);
      return wanted && only(await rawImage(this.#file(index, "kept"), size), wanted);
    };
    await restorePoint({ ...source, point: this.#kept, sinkFor, signal });
  }

  async close(): Promise<void> {
    for (const image of this.#images.values()) await image.close();
  }

  async #open(disk: DiskIndex): Promise<Sink> {
    const size = this.#kept.disks.find(({ index }) => index === disk)?.size ?? bytes(0);
    const file = this.#file(disk, "lost");
    await rm(file, { force: true });
    const image = await changedImage(file, size);
    this.#images.set(disk, image);
    return image;
  }

  #file(disk: DiskIndex, what: "lost" | "kept"): string {
    return path.join(this.#directory, `disk${disk}.${what}`);
  }
}

/** Passes on what lies in these ranges. */
const only = (sink: Sink, wanted: ExtentSet): Sink => ({
  ...sink,
  async write(offset, data) {
    for (const { start, end } of wanted.intersect(offset, offset + data.length))
      await sink.write(bytes(start), data.subarray(start - offset, end - offset));
  },
});
