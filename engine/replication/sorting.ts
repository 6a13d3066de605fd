import { LeewardError } from "../core/errors.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, bytes, micros } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { DigestsRecord, JournalRecord } from "../journal/record.ts";
import type { Leg, Work } from "../journal/work-document.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import { readBackward } from "./journal-reader.ts";
import { layerNamed, readPart } from "./layers.ts";
import { checkInside, isWrite } from "./merge.ts";
import { RunWriter } from "./run-writer.ts";
import { type Sealed, isLayerPart, openSealed } from "./sealed.ts";
import { SortChunk } from "./sort-chunk.ts";
import type { SourcesPlace } from "./sorted-sources.ts";
import { TailTracker } from "./tail-tracker.ts";

/**
 * Reads what lies in the order of time, newest first, and puts it as sorted runs, each of as much as fits into memory. What
 * is sorted already stays where it is. Gives the work after each run that it put: who stores that goes on from there.
 * @throws what reading the journal throws; ChainBroken when it does not prove the layer's end, or lacks a barrier
 */
export async function* sorting(s: SourcesPlace): AsyncGenerator<Work> {
  const sorter = new Sorter(s);
  while (sorter.leg) {
    for await (const _ of sorter.steps(sorter.leg)) if (sorter.storable) yield sorter.work;
    if (sorter.storable) yield sorter.work;
  }
}

/** Opened ahead of their turn. */
const OPENING = 2;
const PARALLEL = 4;

interface Met {
  readonly sealed: Sealed;
  readonly records: readonly JournalRecord[];
}

class Sorter {
  work: Work;
  readonly #s: SourcesPlace;
  readonly #sizes: ReadonlyMap<number, Bytes>;
  #chunk: SortChunk;
  /** Met before the barrier of their leg's point, and of another: not known yet whether of a later one. */
  #waiting: DigestsRecord[] = [];

  constructor(s: SourcesPlace) {
    this.work = s.work;
    this.#s = s;
    this.#sizes = new Map(s.work.disks.map(({ index, size }) => [index, size]));
    this.#chunk = new SortChunk(s.work.disks);
  }

  get leg(): Leg | undefined {
    return this.work.legs[0];
  }

  /** Nothing is known that does not stand in the work. */
  get storable(): boolean {
    return this.#waiting.length === 0 && this.#chunk.held === 0;
  }

  /** One of the leg's ranges or layers, or its end. Gives way after each run. */
  async *steps(leg: Leg): AsyncGenerator<void> {
    const [item] = leg.rest;
    if (!item) return this.#finish(leg);
    if (item.kind === "segments") yield* this.#segments(leg, item);
    else yield* this.#layer(leg, item);
    if (this.#chunk.held > 0) await this.#flush(leg.below);
    this.#change(({ rest, ...same }) => ({ ...same, rest: rest.slice(1) }));
  }

  async *#segments(leg: Leg, item: Extract<Leg["rest"][number], { kind: "segments" }>): AsyncGenerator<void> {
    const { objects, work } = this.#s;
    const { machine } = work;
    const range = { objects, machine, from: item.from, to: item.to, parallel: PARALLEL };
    let at = item.to;
    for await (const met of this.#opened(leg, readBackward(range))) {
      this.#take(met);
      if (isLayerPart(met.sealed)) continue;
      at = before(at, met.sealed);
      this.#track(met.sealed);
      const to = at;
      this.#change(({ rest, ...same }) => ({ ...same, rest: [{ ...item, to }, ...rest.slice(1)] }));
      if (this.#isFull) {
        await this.#flush(leg.below);
        yield;
      }
    }
  }

  async *#layer(leg: Leg, item: Extract<Leg["rest"][number], { kind: "layer" }>): AsyncGenerator<void> {
    const { objects } = this.#s;
    const layer = await layerNamed(objects, item.name);
    await this.#meetLayer(leg, layer);
    if (layer.format === 2) {
      if (this.#chunk.held > 0) await this.#flush(leg.below);
      this.#more({ kind: "layer", name: item.name, below: leg.below });
      return;
    }
    const wanted = layer.parts.slice(0, item.left).map((part, n) => ({ n, marks: part.marks }));
    const parts = wanted.filter(({ marks }) => marks || !leg.below).toReversed();
    const reading = mapInOrder(parts, PARALLEL, ({ n }) => readPart(objects, layer, n));
    for await (const met of this.#opened(leg, reading)) {
      this.#take(met);
      const left = isLayerPart(met.sealed) ? met.sealed.header.part : 0;
      this.#change(({ rest, ...same }) => ({ ...same, rest: [{ ...item, left }, ...rest.slice(1)] }));
      if (this.#isFull) {
        await this.#flush(leg.below);
        yield;
      }
    }
  }

  #opened(leg: Leg, all: AsyncIterable<Sealed>): AsyncGenerator<Met> {
    return mapInOrder(all, OPENING, async (sealed) => {
      const { from, to, marks } = sealed.header;
      const writes = !leg.below && from < to && from < leg.upTo && to > (leg.above ?? -1);
      return { sealed, records: marks || writes ? await openSealed(sealed, this.#s.key) : [] };
    });
  }

  /** Newest first. */
  #take({ sealed, records }: Met): void {
    const isOlder = sealed.header.generation < this.work.generation;
    for (const record of records.toReversed()) {
      const { leg } = this;
      if (!leg) return;
      // An older generation may have been of more disks.
      if (isOlder && "disk" in record && !this.#sizes.has(record.disk)) continue;
      if (record.kind === "barrier") this.#meet(leg, record.id, record);
      else if (record.kind === "proof") this.#prove(leg, record);
      else if (record.kind === "digests") this.#name(leg, record);
      else if (isWrite(record) && isWanted(leg, record.sequence)) {
        checkInside(sealed, record, this.#sizes.get(record.disk));
        this.#chunk.write(record);
      }
    }
    this.#change((leg) => leg, isLayerPart(sealed) ? bytes(sealed.bytes.length) : sealed.header.dataBytes);
  }

  #name(leg: Leg, record: DigestsRecord): void {
    const blocks = record.blocks.at(-1) ?? 0;
    if (blocks * 65_536 >= (this.#sizes.get(record.disk) ?? 0))
      throw new LeewardError(
        "SegmentDamaged",
        `barrier ${record.barrier} of ${this.work.machine} has a digest of block ${blocks} of disk ${record.disk}, which there is not`,
      );
    if (leg.met || record.barrier === leg.point) this.#chunk.digest(record);
    else this.#waiting.push({ ...record, digests: Uint8Array.from(record.digests) });
  }

  #meet(
    leg: Leg,
    id: Leg["point"],
    { time, consistency }: { time: Work["made"]; consistency: "crash" | "application" },
  ): void {
    if (leg.met) return;
    if (id !== leg.point) {
      if (!leg.later.includes(id)) this.#change((old) => ({ ...old, later: [...old.later, id] }));
      return;
    }
    if (id === this.work.end.id && !leg.below) this.work = { ...this.work, barrier: { time, consistency } };
    for (const record of this.#waiting) if (!leg.later.includes(record.barrier)) this.#chunk.digest(record);
    this.#waiting = [];
    this.#change((old) => ({ ...old, met: true }));
  }

  #prove(leg: Leg, { barrier, roots, time }: Extract<JournalRecord, { kind: "proof" }>): void {
    const { disks, end } = this.work;
    if (barrier !== end.id || leg.below || this.work.proof) return;
    const same =
      roots.length === disks.length &&
      disks.every(({ root, size }, i) => roots[i]?.root === root && roots[i]?.size === size);
    if (!same) throw this.#unproved();
    this.work = { ...this.work, proof: { time } };
  }

  /** What its parts would say of its end, of one that is not read part by part; and the times of what is in it. */
  async #meetLayer(leg: Leg, layer: Layer): Promise<void> {
    if (!leg.below) {
      const tracker = new TailTracker(this.work.end.position, this.work.tail);
      tracker.spans(layer.earliest, layer.latest);
      this.work = { ...this.work, tail: tracker.state };
    }
    if (layer.format !== 2 || layer.end.id !== leg.point) return;
    const last = await readPart(this.#s.objects, layer, layer.parts.length - 1);
    for (const record of await openSealed(last, this.#s.key)) {
      if (record.kind === "barrier") this.#meet(leg, record.id, record);
      if (record.kind === "proof") this.#prove(leg, record);
    }
  }

  /** Of a leg under the layer nothing is to be known but its digests; of an older generation the times. */
  #track({ header }: CheckedSegment): void {
    const { leg } = this;
    if (!leg || leg.below) return;
    const tracker = new TailTracker(this.work.end.position, this.work.tail);
    if (header.generation === this.work.generation) tracker.meet(header, leg.met);
    else tracker.spans(header.firstTime, header.lastTime);
    this.work = { ...this.work, tail: tracker.state };
  }

  /** @throws ChainBroken */
  #finish(leg: Leg): void {
    if (!leg.met)
      throw new LeewardError(
        "ChainBroken",
        `the journal of ${this.work.machine}, generation ${leg.generation}, lacks the barrier of point ${leg.point}`,
      );
    if (leg.point === this.work.end.id && !leg.below) this.#finishNewest(leg);
    this.work = { ...this.work, legs: this.work.legs.slice(1) };
  }

  #finishNewest(leg: Leg): void {
    const { end, older, tail, barrier, proof } = this.work;
    if (!barrier || !proof) throw this.#unproved();
    const tracker = new TailTracker(end.position, tail);
    const behind = leg.later.length > 0 || end.position.sequence > end.sequence;
    const follows = tracker.result(older && { tail: older.tail, end: { position: older.position } }, behind);
    if (!follows)
      throw new LeewardError("ChainBroken", `the barrier of point ${end.id} is not where it was proved`);
    this.work = { ...this.work, follows };
  }

  #unproved(): LeewardError {
    const { machine, generation, end } = this.work;
    return new LeewardError(
      "ChainBroken",
      `the journal of ${machine}, generation ${generation}, does not prove point ${end.id}`,
    );
  }

  get #isFull(): boolean {
    return this.#chunk.held >= this.work.limits.chunk;
  }

  /** Puts what was gathered as one run. */
  async #flush(below: boolean): Promise<void> {
    const { runs, limits, disks } = this.work;
    const to = new RunWriter(this.#s, runs, limits.runPart);
    await this.#chunk.drain(to.writer);
    this.#chunk = new SortChunk(disks);
    this.work = { ...this.work, runs: runs + 1 };
    this.#more({ kind: "run", run: runs, level: 0, ...to.counts, below });
  }

  #more(source: Work["sorted"][number]): void {
    this.work = { ...this.work, sorted: [...this.work.sorted, source] };
  }

  #change(change: (leg: Leg) => Leg, read: Bytes = bytes(0)): void {
    const [first, ...rest] = this.work.legs;
    if (!first) return;
    this.work = { ...this.work, legs: [change(first), ...rest], done: bytes(this.work.done + read) };
  }
}

const isWanted = ({ upTo, above, below }: Leg, at: number): boolean =>
  !below && at <= upTo && at > (above ?? -1);

/** The position before the segment that the old one lay behind. */
const before = (old: JournalPosition, { header }: CheckedSegment): JournalPosition => ({
  generation: old.generation,
  next: header.ordinal,
  chain: header.previous,
  sequence: header.from,
  time: micros(0),
  bytes: bytes(Math.max(0, old.bytes - header.dataBytes)),
});
