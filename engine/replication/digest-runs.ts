import { randomUUID } from "node:crypto";
import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { type BarrierId, barrierId } from "../core/ids.ts";
import type { DiskIndex } from "../core/units.ts";
import { micros } from "../core/units.ts";
import type { Gathering } from "../journal/gathering-document.ts";
import type { DataKey } from "../journal/key.ts";
import { checkLayerPart, openLayerPart } from "../journal/layer.ts";
import { gatheredRunName } from "../journal/names.ts";
import type { DigestsRecord } from "../journal/record.ts";
import { sealLayerPart } from "../journal/seal-layer.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type BlockSpace, SHEET } from "./block-space.ts";
import type { SortedDigests } from "./digest-chunk.ts";
import { asKeptLost } from "./kept-lost.ts";
import type { SourcePoint } from "./lineage.ts";
import { rereading } from "./reread.ts";

export interface RunsPlace {
  /** Where they are kept. */
  readonly scratch: ObjectStore;
  readonly key: DataKey;
  readonly point: SourcePoint;
  readonly use: string;
  readonly space: BlockSpace;
}

export type KeptRun = Gathering["runs"][number];

/** Digests in the order of the disks, each block at most once. */
export interface DigestRun {
  /** The part that what was not visited yet begins in: another one would go on from there. */
  readonly part: number;
  /** Those of [from, to) which are not behind what was visited before; stretches must ascend. @throws KeptLost */
  visit(from: number, to: number, found: (address: number, digest: Uint8Array) => void): Promise<void>;
}

/** Digests in one object: 1.2 MB. One of each run is in memory while runs are put in order. */
const PART = 32_768;

/** Keeps a run, in objects that nobody looks at who is not told. */
export async function keepRun(place: RunsPlace, digests: SortedDigests): Promise<KeptRun> {
  const writer = new RunWriter(place, 0);
  for (let n = 0; n < digests.count; n++) {
    if (writer.full) await writer.flush();
    writer.put(digests.addressOf(n), digests.digestOf(n));
  }
  return writer.finish();
}

/** Makes one run of several, newest first, in memory of a sheet and a part of each. @throws KeptLost; storage errors */
export async function mergeRuns(place: RunsPlace, runs: readonly KeptRun[], level: number): Promise<KeptRun> {
  const from = runs.map((run) => new StoredRun(place, run)).toReversed();
  const writer = new RunWriter(place, level);
  const digests = new Uint8Array(SHEET * DIGEST_BYTES);
  for (const { from: base, first, end } of place.space.sheets) {
    const met = new Uint8Array(end - first);
    for (const run of from)
      await run.visit(base, base + met.length, (address, digest) => {
        met[address - base] = 1;
        digests.set(digest, (address - base) * DIGEST_BYTES);
      });
    for (let n = met.indexOf(1); n >= 0; n = met.indexOf(1, n + 1)) {
      if (writer.full) await writer.flush();
      writer.put(base + n, digests.subarray(n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES));
    }
  }
  return writer.finish();
}

class RunWriter {
  readonly #place: RunsPlace;
  readonly #build = barrierId(randomUUID());
  readonly #level: number;
  readonly #addresses = new Float64Array(PART);
  readonly #digests = new Uint8Array(PART * DIGEST_BYTES);
  #held = 0;
  #parts = 0;

  /** @param level how often what is in it was merged */
  constructor(place: RunsPlace, level: number) {
    this.#place = place;
    this.#level = level;
  }

  /** Whether the next has to wait for `flush`. */
  get full(): boolean {
    return this.#held === PART;
  }

  put(address: number, digest: Uint8Array): void {
    this.#addresses[this.#held] = address;
    this.#digests.set(digest, this.#held * DIGEST_BYTES);
    this.#held++;
  }

  async flush(): Promise<void> {
    if (this.#held === 0) return;
    const records = recordsOf(this.#place, this.#addresses.subarray(0, this.#held), this.#digests);
    const { scratch, key, point, use } = this.#place;
    const part = this.#parts++;
    const { bytes } = await sealLayerPart({
      span: spanOf(point, this.#build),
      part,
      last: false,
      records,
      key,
    });
    await scratch.put(gatheredRunName(point.machine, use, this.#build, part), bytes, "any");
    this.#held = 0;
  }

  /** What was put, to be named in a document. */
  async finish(): Promise<KeptRun> {
    await this.flush();
    return { build: this.#build, parts: this.#parts, level: this.#level };
  }
}

/** A layer from the point to itself, which there never is. */
const spanOf = ({ machine, generation, id, sequence, position }: SourcePoint, build: BarrierId) => ({
  machine,
  generation,
  build,
  begin: id,
  end: id,
  first: position.next,
  next: position.next,
  from: sequence,
  to: sequence,
  previous: position.chain,
  chain: position.chain,
});

function recordsOf(
  { space, point }: RunsPlace,
  addresses: Float64Array,
  digests: Uint8Array,
): DigestsRecord[] {
  const records: DigestsRecord[] = [];
  const blocks: number[] = [];
  let disk: DiskIndex | undefined;
  const close = (end: number) => {
    if (disk === undefined) return;
    const start = end - blocks.length;
    records.push({
      kind: "digests",
      sequence: point.sequence,
      time: micros(0),
      barrier: point.id,
      disk,
      blocks: Uint32Array.from(blocks),
      digests: digests.slice(start * DIGEST_BYTES, end * DIGEST_BYTES),
    });
    blocks.length = 0;
  };
  for (const [n, address] of addresses.entries()) {
    const place = space.placeOf(address);
    if (place.disk.index !== disk) close(n);
    disk = place.disk.index;
    blocks.push(place.block);
  }
  close(addresses.length);
  return records;
}

/** One that is stored. One part of it is in memory at a time. */
export class StoredRun implements DigestRun {
  readonly #place: RunsPlace;
  readonly #run: KeptRun;
  #part: number;
  #items: { readonly addresses: Float64Array; readonly digests: Uint8Array } | undefined;
  #index = 0;

  constructor(place: RunsPlace, run: KeptRun, part = 0) {
    this.#place = place;
    this.#run = run;
    this.#part = part;
  }

  get part(): number {
    return this.#part;
  }

  async visit(from: number, to: number, found: (address: number, digest: Uint8Array) => void): Promise<void> {
    for (; this.#part < this.#run.parts; this.#part++) {
      const { addresses, digests } = (this.#items ??= await this.#read());
      for (; this.#index < addresses.length; this.#index++) {
        const address = addresses[this.#index] ?? to;
        if (address >= to) return;
        const start = this.#index * DIGEST_BYTES;
        if (address >= from) found(address, digests.subarray(start, start + DIGEST_BYTES));
      }
      this.#items = undefined;
      this.#index = 0;
    }
  }

  async #read() {
    const { scratch, key, point, use, space } = this.#place;
    const name = gatheredRunName(point.machine, use, this.#run.build, this.#part);
    try {
      const records = await rereading(async () => {
        const object = await scratch.get(name, "unchecked");
        if (!object) throw new LeewardError("LayerDamaged", `${name} is gone`);
        const part = checkLayerPart(object.body);
        const { header } = part;
        if (header.build === this.#run.build && header.part === this.#part && header.end === point.id)
          return openLayerPart(part, key);
        throw new LeewardError("LayerDamaged", `${name} is a part of something else`);
      });
      return inSpace(
        records.filter((record) => record.kind === "digests"),
        space,
      );
    } catch (error) {
      throw asKeptLost(error);
    }
  }
}

function inSpace(records: readonly DigestsRecord[], space: BlockSpace) {
  const length = records.reduce((sum, { blocks }) => sum + blocks.length, 0);
  const addresses = new Float64Array(length);
  const digests = new Uint8Array(length * DIGEST_BYTES);
  let at = 0;
  for (const { disk, blocks, digests: some } of records) {
    const range = space.rangeOf(disk);
    if (!range)
      throw new LeewardError("LayerDamaged", `a run of digests names disk ${disk}, which there is not`);
    digests.set(some, at * DIGEST_BYTES);
    for (const block of blocks) addresses[at++] = range.base + block;
  }
  return { addresses, digests };
}

/** One that memory holds. */
export class HeldRun implements DigestRun {
  readonly part = 0;
  readonly #digests: SortedDigests;

  constructor(digests: SortedDigests) {
    this.#digests = digests;
  }

  async visit(from: number, to: number, found: (address: number, digest: Uint8Array) => void): Promise<void> {
    const digests = this.#digests;
    for (let n = digests.firstFrom(from); n < digests.count; n++) {
      const address = digests.addressOf(n);
      if (address >= to) return;
      found(address, digests.digestOf(n));
    }
  }
}
