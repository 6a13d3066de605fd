import { randomUUID } from "node:crypto";
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from "node:fs";
import { barrierId } from "../../engine/core/ids.ts";
import { type Sequence, bytes, diskIndex, sequence } from "../../engine/core/units.ts";
import { follow } from "../../engine/journal/chain.ts";
import { segmentName } from "../../engine/journal/names.ts";
import { openSegment } from "../../engine/journal/open.ts";
import { type JournalPosition, startOf } from "../../engine/journal/position.ts";
import type { WriteRecord } from "../../engine/journal/record.ts";
import { checkSegment } from "../../engine/journal/segment.ts";
import { rawImage } from "../../engine/replication/raw-image.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import { DirectoryObjectStore } from "../../engine/storage/directory.ts";
import { GENERATION, KEY, MACHINE } from "./machine-settings.ts";

/** What an agent left in its cache when it ended, whole, and the disks it stood in front of. */
export class Journal {
  /** In order; the first has sequence 1, and none is missing. */
  readonly writes: readonly WriteRecord[];
  /** For each flush the guest asked for, the newest write that it covers. Ascending. */
  readonly flushes: readonly Sequence[];
  readonly disks: readonly string[];
  /** Where its objects are. */
  readonly directory: string;
  readonly #objects: DirectoryObjectStore;
  /** Behind each segment. */
  readonly #positions: readonly JournalPosition[];

  static async read(cache: string, disks: readonly string[], flushes: readonly Sequence[]): Promise<Journal> {
    const objects = new DirectoryObjectStore(cache);
    const writes: WriteRecord[] = [];
    const positions: JournalPosition[] = [];
    for (let position = startOf(GENERATION, sequence(0)); ; positions.push(position)) {
      const found = await objects.get(segmentName(MACHINE, GENERATION, position.next));
      if (!found) break;
      const checked = checkSegment(found.body);
      position = follow(MACHINE, position, checked);
      for (const record of await openSegment(checked, KEY))
        if (record.kind === "data" || record.kind === "zero") writes.push(record);
    }
    return new Journal(cache, positions, writes, flushes, disks);
  }

  private constructor(
    directory: string,
    positions: readonly JournalPosition[],
    writes: readonly WriteRecord[],
    flushes: readonly Sequence[],
    disks: readonly string[],
  ) {
    this.directory = directory;
    this.#objects = new DirectoryObjectStore(directory);
    this.#positions = positions;
    this.writes = writes;
    this.flushes = flushes.toSorted((a, b) => a - b);
    this.disks = disks;
  }

  /** The newest write. */
  get end(): Sequence {
    return sequence(this.writes.length);
  }

  /** The newest write that was flushed when `at` was the newest of all; 0 when none was. */
  flushedAt(at: Sequence): Sequence {
    return this.flushes.findLast((flushed) => flushed <= at) ?? sequence(0);
  }

  /** Makes the disks as they were behind this write, as the product does it. */
  async restore(cut: Sequence, images: readonly string[]): Promise<void> {
    const position = this.#positions.find((each) => each.sequence >= cut);
    if (!position) throw new RangeError(`no write ${cut}`);
    await restorePoint({
      objects: this.#objects,
      key: KEY,
      point: {
        machine: MACHINE,
        generation: GENERATION,
        id: barrierId(randomUUID()),
        sequence: cut,
        position,
        disks: this.disks.map((disk, index) => ({
          index: diskIndex(index),
          name: `disk${index}`,
          size: bytes(statSync(disk).size),
        })),
      },
      sinkFor: async ({ index, size }) => rawImage(images[index] ?? "", size),
    });
  }

  /** Makes the disks by carrying out these writes one after the other: how the product is checked, and led astray. */
  carryOut(writes: readonly WriteRecord[], images: readonly string[]): void {
    const files = images.map((image) => openSync(image, "w"));
    files.forEach((file, index) => ftruncateSync(file, statSync(this.disks[index] ?? "").size));
    for (const write of writes) {
      const data = write.kind === "data" ? write.data : new Uint8Array(write.length);
      writeSync(files[write.disk] ?? -1, data, 0, data.length, write.offset);
    }
    files.forEach(closeSync);
  }
}
