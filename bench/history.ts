import { hash, randomBytes, randomUUID } from "node:crypto";
import { digestOf } from "../engine/core/digest.ts";
import { barrierId } from "../engine/core/ids.ts";
import { BLOCK, KIB, MIB, bytes, diskIndex, micros, ordinal, sequence } from "../engine/core/units.ts";
import { rootOf, zeroDigests } from "../engine/journal/digest-tree.ts";
import { type RecoveryPoint, encodeManifest } from "../engine/journal/manifest.ts";
import { pointName, segmentName } from "../engine/journal/names.ts";
import { follow } from "../engine/journal/chain.ts";
import type { JournalRecord } from "../engine/journal/record.ts";
import { sealSegment } from "../engine/journal/seal.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import { osFiles } from "./journal.ts";
import { KEY, MACHINE, START } from "./segments.ts";

const DISK = diskIndex(0);
const MOST_FILES = 256 * MIB;
const TIME = micros(1_790_000_000_000_000);

export interface HistoryOptions {
  /** Of the disk, of what is written first and in order, and between two points at random. */
  readonly size: number;
  readonly used: number;
  readonly churn: number;
  readonly points: number;
  /** @param image the disk at the n-th point, of all that was ever written; it changes as soon as the promise has settled */
  readonly at: (n: number, image: Buffer) => Promise<void>;
}

/**
 * The points of a disk's life, sealed as an agent seals it, in the store: operating system files, then writes of 4 to 64
 * KiB, mostly to the same places.
 */
export async function historyIn(objects: ObjectStore, s: HistoryOptions): Promise<RecoveryPoint[]> {
  const teller = new Teller(objects, s.size);
  const points: RecoveryPoint[] = [];
  // Again and again where there are no more of them: what is 256 MiB apart never meets in one segment.
  const files = osFiles(Math.min(s.used, MOST_FILES));
  for (let at = 0; at < s.used; at += BLOCK)
    await teller.write(at, files.subarray(at % files.length, (at % files.length) + BLOCK));
  for (let n = 0; n < s.points; n++) {
    for (let left = n === 0 ? 0 : s.churn; left > 0;) {
      const length = Math.min(left, 4 * KIB * 2 ** Math.floor(Math.random() * 5));
      // Nine of ten writes go to a tenth of the disk.
      const span = Math.random() < 0.9 ? s.used / 10 : s.used;
      const at = Math.floor((Math.random() * (span - length)) / (4 * KIB)) * 4 * KIB;
      await teller.write(at, content(files, length));
      left -= length;
    }
    points.push(await teller.point());
    await s.at(n, teller.image.subarray(0, s.used));
  }
  return points;
}

/** Half of it shrinks, as pages of a database do. */
function content(files: Buffer, length: number): Buffer {
  const at = Math.floor(Math.random() * (files.length - length));
  return Math.random() < 0.5 ? randomBytes(length) : Buffer.from(files.subarray(at, at + length));
}

class Teller {
  readonly image: Buffer;
  readonly #objects: ObjectStore;
  readonly #digests: Uint8Array;
  #dirty = new Set<number>();
  #records: JournalRecord[] = [];
  #held = 0;
  #position = START;
  #sequence = 0;

  constructor(objects: ObjectStore, size: number) {
    this.#objects = objects;
    this.image = Buffer.alloc(size);
    this.#digests = zeroDigests(bytes(size));
  }

  async write(offset: number, data: Buffer): Promise<void> {
    data.copy(this.image, offset);
    for (let block = Math.floor(offset / BLOCK); block * BLOCK < offset + data.length; block++)
      this.#dirty.add(block);
    const common = { sequence: sequence(++this.#sequence), time: TIME, disk: DISK, offset: bytes(offset) };
    this.#records.push({ kind: "data", ...common, data });
    this.#held += data.length;
    if (this.#held >= 8 * MIB) await this.#seal();
  }

  async point(): Promise<RecoveryPoint> {
    const id = barrierId(randomUUID());
    const common = { sequence: sequence(this.#sequence), time: TIME };
    const blocks = Uint32Array.from([...this.#dirty].toSorted((a, b) => a - b));
    for (const block of blocks)
      this.#digests.set(
        hash("sha256", this.image.subarray(block * BLOCK, (block + 1) * BLOCK), "buffer"),
        block * 32,
      );
    const digests = new Uint8Array(blocks.length * 32);
    for (const [i, block] of blocks.entries())
      digests.set(this.#digests.subarray(block * 32, block * 32 + 32), i * 32);
    const size = bytes(this.image.length);
    const root = rootOf(size, this.#digests);
    this.#records.push(
      { kind: "barrier", id, ...common, consistency: "crash" },
      ...(blocks.length > 0
        ? [{ kind: "digests" as const, barrier: id, ...common, disk: DISK, blocks, digests }]
        : []),
      { kind: "proof", barrier: id, ...common, roots: [{ disk: DISK, size, root: digestOf(root) }] },
    );
    await this.#seal();
    this.#dirty = new Set();
    return this.#manifest({ id, size, root });
  }

  async #manifest({
    id,
    size,
    root,
  }: Pick<RecoveryPoint, "id"> & {
    size: RecoveryPoint["disks"][number]["size"];
    root: RecoveryPoint["disks"][number]["root"];
  }): Promise<RecoveryPoint> {
    const loss = { seconds: 0, bytes: bytes(0), writes: 0 };
    const point: RecoveryPoint = {
      format: 1,
      machine: MACHINE,
      generation: START.generation,
      id,
      sequence: sequence(this.#sequence),
      time: TIME,
      consistency: "crash",
      position: this.#position,
      disks: [{ index: DISK, name: "bench", size, root }],
      losses: { vm: loss, region: loss },
    };
    const name = pointName(MACHINE, START.generation, point.sequence, id);
    await this.#objects.put(name, encodeManifest(point), "absent");
    return point;
  }

  async #seal(): Promise<void> {
    const segment = await sealSegment({
      machine: MACHINE,
      generation: START.generation,
      ordinal: ordinal(this.#position.next),
      previous: this.#position.chain,
      from: this.#position.sequence,
      records: this.#records,
      key: KEY,
    });
    await this.#objects.put(
      segmentName(MACHINE, START.generation, this.#position.next),
      segment.bytes,
      "absent",
    );
    this.#position = follow(MACHINE, this.#position, segment);
    this.#records = [];
    this.#held = 0;
  }
}
