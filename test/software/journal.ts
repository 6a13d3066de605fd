import { closeSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import path from "node:path";
import { MIB, type Sequence, bytes, diskIndex, sequence } from "../../engine/core/units.ts";
import { openSegment } from "../../engine/journal/open.ts";
import { startOf } from "../../engine/journal/position.ts";
import type { WriteRecord } from "../../engine/journal/record.ts";
import { readForward } from "../../engine/replication/journal-reader.ts";
import { type Moment, findMoment } from "../../engine/replication/moment.ts";
import { moveImages } from "../../engine/replication/move.ts";
import { cut } from "../../engine/replication/points.ts";
import { changedImage, rawImage } from "../../engine/replication/raw-image.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import { ship } from "../../engine/replication/ship.ts";
import { DirectoryObjectStore } from "../../engine/storage/directory.ts";
import { GENERATION, KEY, MACHINE } from "./machine-settings.ts";

const NO_LOSS = { seconds: 0, bytes: bytes(0), writes: 0 };
const LIMITS = { objectBytes: bytes(2 * MIB), maxBytes: bytes(1024 * MIB), parallel: 4 };
const BEGIN = startOf(GENERATION, sequence(0));

/** Where an agent leaves its journal, and where that is carried to. */
export const cacheIn = (space: string): string => path.join(space, "cache");
const targetIn = (space: string): string => path.join(space, "target");

type Source = Parameters<typeof findMoment>[0];

/** The whole journal of a machine, in its target, with its recovery points. */
export class Journal {
  /** In order; the first has sequence 1, and none is missing. */
  readonly writes: readonly WriteRecord[];
  /** For each flush the guest asked for, the newest write that it covers. Ascending. */
  readonly flushes: readonly Sequence[];
  readonly disks: readonly string[];
  /** Where its objects are. */
  readonly directory: string;
  readonly #source: Source;

  /** Carries what an agent that has ended left in its cache to the target, and makes its recovery points. */
  static async arrive(
    space: string,
    disks: readonly string[],
    flushes: readonly Sequence[],
  ): Promise<Journal> {
    const directory = targetIn(space);
    mkdirSync(directory);
    const target = new DirectoryObjectStore(directory);
    const cache = new DirectoryObjectStore(cacheIn(space));
    const shipped = await ship({ cache, target, machine: MACHINE, from: BEGIN, limits: LIMITS });
    await cut({
      target,
      key: KEY,
      machine: MACHINE,
      disks: disks.map((disk, index) => ({
        index: diskIndex(index),
        name: path.basename(disk),
        size: bytes(statSync(disk).size),
      })),
      marked: shipped.marked,
      pending: [],
      lossesAt: () => ({ vm: NO_LOSS, region: NO_LOSS }),
    });
    const writes: WriteRecord[] = [];
    const range = { objects: target, machine: MACHINE, from: BEGIN, to: shipped.position };
    for await (const { segment } of readForward(range))
      for (const record of await openSegment(segment, KEY))
        if (record.kind === "data" || record.kind === "zero") writes.push(record);
    return new Journal(directory, { objects: target, machine: MACHINE, key: KEY }, writes, flushes, disks);
  }

  private constructor(
    directory: string,
    source: Source,
    writes: readonly WriteRecord[],
    flushes: readonly Sequence[],
    disks: readonly string[],
  ) {
    this.directory = directory;
    this.#source = source;
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
  async restore(at: Sequence, images: readonly string[]): Promise<void> {
    const point = await findMoment(this.#source, { kind: "write", sequence: at });
    await restorePoint({
      ...this.#source,
      point,
      sinkFor: async ({ index, size }) => rawImage(images[index] ?? "", size),
    });
  }

  /**
   * Brings images to what they were behind this write, and writes only what differs, as `leeward bisect` does it.
   * @param from what they are; undefined when they are nothing yet @returns what they are then
   */
  async move(from: Moment | undefined, at: Sequence, images: readonly string[]): Promise<Moment> {
    const to = await findMoment(this.#source, { kind: "write", sequence: at });
    const sinks = await Promise.all(
      to.disks.map(
        async ({ index, size }) => [index, await changedImage(images[index] ?? "", size)] as const,
      ),
    );
    await moveImages({ ...this.#source, from, to, sinks: new Map(sinks) });
    for (const [, sink] of sinks) await sink.close();
    return to;
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
