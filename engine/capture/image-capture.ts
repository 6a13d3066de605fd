import type { Clock } from "../core/clock.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import { BLOCK, type Bytes, MIB, type Millis, bytes, millis, sequence } from "../core/units.ts";
import type { CapturedPart, CaptureState } from "../journal/capture-document.ts";
import type { DataKey } from "../journal/key.ts";
import { type JournalPosition, markOf } from "../journal/position.ts";
import type { BaseDigests } from "../replication/base-digests.ts";
import type { SizedDisk } from "../replication/blocks.ts";
import type { ObjectStore } from "../storage/store.ts";
import { CaptureJournal, Draft } from "./capture-journal.ts";
import { type Kept, keepCapture, readCapture, sweepParts } from "./capture-state.ts";
import {
  type DiskPart,
  type PartStore,
  differences,
  endOf,
  partsOf,
  putPart,
  readPart,
  rootOfParts,
  topOf,
  zerosOf,
} from "./captured-parts.ts";
import { MOST_SPREAD, checkImages, grownIn, spreadOf } from "./image-check.ts";
import type { ImageName, ImageReader, Images } from "./image.ts";
import { type Piece, capturePart } from "./part-capture.ts";
import { recentOf, waitForImage } from "./snapshot-budget.ts";

export interface CaptureRequest {
  /** The target's objects: what is known of images lies there, and what has arrived. */
  readonly target: ObjectStore;
  readonly cache: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  /** Of the generation: nobody else writes it. */
  readonly start: JournalPosition;
  /** How far the target has its journal. */
  readonly arrived: JournalPosition;
  /** What the generation stands on; empty disks without it. */
  readonly base: BaseDigests | undefined;
  /** Ascending by index. */
  readonly disks: readonly SizedDisk[];
  readonly images: Images;
  readonly clock: Clock;
  /** Between two images. */
  readonly interval: Millis;
  /** A barrier that somebody waits for. */
  readonly wanted: BarrierId | undefined;
  readonly newBarrier: () => BarrierId;
  /** Before compression; a segment is closed when it holds this much, and at the end of each 4 GiB of disk. */
  readonly segmentBytes: Bytes;
  /** Asked behind each part of a disk: true when the rest is for another turn. */
  readonly enough: () => boolean;
}

export interface CaptureTurn {
  readonly state: CaptureState;
  /** Until the next turn has something to do. */
  readonly wait: Millis;
  /** Bytes of the disks that were looked at for the image that is being read; all of them when none is. */
  readonly done: Bytes;
  /** Disks that the newest image has larger than they were: the generation can take no image any more. */
  readonly grown: readonly SizedDisk[];
}

/** How soon it is looked again for what takes a moment. */
const SOON = millis(2000);

/**
 * Brings capture by images on, for one turn: asks for an image when it is due; reads what differs from the one before into
 * segments; closes it with a barrier, the digests of what changed, and their proof. What is between two images never was a
 * state here: all segments of an image are one change.
 *
 * May die anywhere, and run twice: each step is written down before the next one counts on it, and what is put into the cache
 * by a run that died is found there, since an image reads the same each time.
 * Memory: `segmentBytes`, 16 MiB of reads, and 6 MiB of digests. Storage calls: for each part of 4 GiB in which something
 * changed two GETs and one PUT, one PUT of the state, and its segments; of one without a change nothing but what the reader asks.
 * @throws ImageLost when what the last image held is not known for sure: the generation ends. What the images throw.
 */
export async function captureTurn(s: CaptureRequest): Promise<CaptureTurn> {
  const run = new Run(s, await readCapture(s.target, s.machine, s.start));
  const wait = await run.go();
  return { state: run.state, wait, done: run.done, grown: run.grown };
}

type Next = NonNullable<CaptureState["next"]>;

class Run {
  readonly #s: CaptureRequest;
  #kept: Kept;
  grown: readonly SizedDisk[] = [];

  constructor(s: CaptureRequest, kept: Kept) {
    this.#s = s;
    this.#kept = kept;
  }

  get state(): CaptureState {
    return this.#kept.state;
  }

  get done(): Bytes {
    const all = partsOf(this.#s.disks);
    const { next } = this.state;
    const { phase, at } = next?.place ?? { phase: "marks", at: 0 };
    const seen = phase === "blocks" ? all.slice(0, next && next.disks.length === 0 ? 0 : at) : all;
    return bytes(seen.reduce((sum, part) => sum + endOf(part) - part.first * BLOCK, 0));
  }

  /** Returns how long to wait for more to do. */
  async go(): Promise<Millis> {
    if (!this.state.swept) await this.#sweep();
    const begun = this.state.next ?? (await this.#begin());
    if (typeof begun === "number") return begun;
    const ready = begun.disks.length > 0 ? begun : await this.#look(begun);
    if (typeof ready === "number") return ready;
    const { base } = this.#s;
    if (base && !this.state.base && !(await base.ready())) return SOON;
    return this.#read(ready);
  }

  async #keep(change: Partial<CaptureState>): Promise<void> {
    const state = { ...this.state, ...change };
    this.#kept = await keepCapture(this.#s.target, { ...this.#kept, state });
  }

  #name(number: number): ImageName {
    return { generation: this.state.generation, number };
  }

  /** Only what is durable as the new base lets the one before go. */
  async #sweep(): Promise<void> {
    const { base, next } = this.state;
    const kept = [base, next].flatMap((one) => (one ? [this.#name(one.number)] : []));
    // The run that read them may have died before it closed them.
    await this.#s.images.close(kept);
    await this.#s.images.sweep(kept);
    await sweepParts(this.#s.target, this.state);
    await this.#keep({ swept: true });
  }

  async #begin(): Promise<Next | Millis> {
    const { clock, interval, wanted, newBarrier } = this.#s;
    const { taken, position, images } = this.state;
    const now = clock.now();
    const wait = waitForImage(taken, now, { interval, asked: wanted !== undefined || !this.state.base });
    if (wait > 0) return wait;
    // Where there are segments that the state does not know it is an older one, and the images' order is lost.
    if ((await this.#journal()).isAhead)
      throw new LeewardError(
        "ImageLost",
        `the journal of ${this.#s.machine} is ahead of what is known of its images`,
      );
    const next: Next = {
      number: images + 1,
      barrier: wanted ?? newBarrier(),
      asked: now,
      disks: [],
      from: position.sequence,
      place: { phase: "blocks", at: 0 },
      parts: [],
    };
    await this.#keep({ next, images: next.number, taken: [...recentOf(taken, now), now] });
    return next;
  }

  #journal(): Promise<CaptureJournal> {
    const { cache, target, key, machine, arrived } = this.#s;
    return CaptureJournal.open({ cache, target, key, machine }, this.state.position, arrived);
  }

  /** Asks for the image, each time anew: who asked may have died half-way. */
  async #look(next: Next): Promise<Next | Millis> {
    const { images } = this.#s;
    const name = this.#name(next.number);
    let look = await images.look(name);
    if (look.state === "gone") {
      await images.take(name);
      look = await images.look(name);
    }
    if (look.state === "pending") return look.wait;
    if (look.state === "gone" || spreadOf(next, look.disks) > MOST_SPREAD) {
      await this.#keep({ next: undefined, swept: false });
      return SOON;
    }
    checkImages(this.#s.disks, this.state, look.disks);
    this.grown = grownIn(this.#s.disks, look.disks);
    if (this.grown.length > 0) return millis(0);
    const ready = { ...next, disks: [...look.disks] };
    await this.#keep({ next: ready });
    return ready;
  }

  /** Whatever happens, nothing stays open. */
  async #read(next: Next): Promise<Millis> {
    const { images } = this.#s;
    const { base } = this.state;
    const names = [next, base].flatMap((one) => (one ? [this.#name(one.number)] : []));
    try {
      return await this.#readOpen(next);
    } finally {
      await images.close(names);
    }
  }

  async #readOpen(begun: Next): Promise<Millis> {
    const journal = await this.#journal();
    const all = partsOf(this.#s.disks);
    const readers = new Map<number, ImageReader>();
    let next = begun;
    while (next.place.phase === "blocks" && next.place.at < all.length) {
      const part = all[next.place.at];
      if (part) next = await this.#readPart(journal, part, next, readers);
      if (this.#s.enough()) {
        await this.#keep({ next });
        return millis(0);
      }
    }
    if (next.place.phase === "blocks") {
      next = { ...next, place: { phase: "marks", at: 0 } };
      await this.#keep({ next });
    }
    return this.#close(journal, next);
  }

  async #readPart(
    journal: CaptureJournal,
    part: DiskPart,
    next: Next,
    readers: Map<number, ImageReader>,
  ): Promise<Next> {
    const { base } = this.state;
    const since = base && this.#name(base.number);
    const reader =
      readers.get(part.disk.index) ??
      (await this.#s.images.open(this.#name(next.number), since, part.disk.index));
    readers.set(part.disk.index, reader);
    const draft = new Draft();
    const put = () => journal.put(draft.take(), true);
    let sent = 0;
    const whole = base === undefined;
    const known = await this.#before(part);
    const take = async (piece: Piece) => {
      draft.add(recordOf(journal.position.sequence + draft.count + 1, part, next, piece, whole));
      sent += piece.length;
      if (draft.length >= Math.min(this.#s.segmentBytes, MOST_IN_SEGMENT)) await put();
    };
    const after = await capturePart({ part, reader, before: known, whole, take });
    if (draft.count > 0) await put();
    const place = { phase: "blocks" as const, at: next.place.at + 1 };
    // What nothing is known of counts as zeros.
    const isNews = Buffer.compare(after, base ? known : zerosOf(part)) !== 0;
    if (!isNews && sent === 0) return { ...next, place };
    if (isNews) await putPart(this.#store, part, next, after);
    const { index: disk } = part.disk;
    const entry = { disk, part: part.part, image: next.number, top: topOf(part, after) };
    const brought = { ...next, place, parts: isNews ? [...next.parts, entry] : next.parts };
    await this.#keepBrought(journal, brought, sent);
    return brought;
  }

  async #keepBrought(journal: CaptureJournal, next: Next, sent: number): Promise<void> {
    const { sent: before, uploaded } = this.state;
    await this.#keep({
      next,
      position: journal.position,
      sent: bytes(before + sent),
      uploaded: bytes(uploaded + journal.uploaded),
    });
    journal.uploaded = bytes(0);
  }

  get #store(): PartStore {
    const { target: objects, key, machine } = this.#s;
    return { objects, key, machine, generation: this.state.generation };
  }

  /** The part's digests as the journal has it: of the image before, or of what the generation stands on. */
  async #before(part: DiskPart): Promise<Uint8Array> {
    if (this.state.base) {
      const known = find(this.state.parts, part);
      return known ? readPart(this.#store, part, known) : zerosOf(part);
    }
    return this.#s.base ? this.#s.base.offered(part.disk, part.first, part.end) : zerosOf(part);
  }

  /** Barrier, digests of what changed, proof. */
  async #close(journal: CaptureJournal, begun: Next): Promise<Millis> {
    const draft = new Draft();
    let next = begun;
    const all = partsOf(this.#s.disks);
    const at = { sequence: journal.position.sequence, time: next.asked };
    const { barrier: id } = next;
    const spread = spreadOf(next, next.disks);
    if (next.place.at === 0)
      draft.add({
        kind: "barrier",
        id,
        ...at,
        consistency: "crash",
        ...(spread > 0 && { spread: millis(spread) }),
      });
    for (const part of all.slice(next.place.at)) {
      const changes = await this.#named(part, next);
      if (changes) draft.add({ kind: "digests", barrier: id, ...at, disk: part.disk.index, ...changes });
      next = { ...next, place: { phase: "marks", at: next.place.at + 1 } };
      if (draft.length < Math.min(this.#s.segmentBytes, MOST_IN_SEGMENT)) continue;
      await journal.put(draft.take(), false);
      await this.#keepBrought(journal, next, 0);
    }
    const parts = all.flatMap((part) => find(next.parts, part) ?? find(this.state.parts, part) ?? []);
    const roots = this.#s.disks.map((disk) => ({
      disk: disk.index,
      size: disk.size,
      root: rootOfParts(
        disk,
        all
          .filter((part) => part.disk.index === disk.index)
          .map((part) => find(parts, part)?.top ?? topOf(part, zerosOf(part))),
      ),
    }));
    draft.add({ kind: "proof", barrier: id, ...at, roots });
    await journal.put(draft.take(), false);
    const { number, barrier, asked, disks } = next;
    const { position } = journal;
    const mark = { ...markOf(position), time: asked };
    const base = { number, barrier, asked, disks, mark };
    const uploaded = bytes(this.state.uploaded + journal.uploaded);
    await this.#keep({ base, parts, next: undefined, position, uploaded, swept: false });
    return millis(0);
  }

  /** Blocks of the part whose digests are to be named. */
  async #named(part: DiskPart, next: Next) {
    const entry = find(next.parts, part);
    const before = this.state.base && !entry ? undefined : await this.#before(part);
    if (!before) return undefined;
    const after = entry ? await readPart(this.#store, part, entry) : zerosOf(part);
    return differences(part, before, after);
  }
}

/** A segment holds 64 MiB at most, and a piece may be as long as a quarter of one MiB. */
const MOST_IN_SEGMENT = 48 * MIB;

const find = (parts: readonly CapturedPart[], { disk, part }: DiskPart): CapturedPart | undefined =>
  parts.find((one) => one.disk === disk.index && one.part === part);

const recordOf = (
  at: number,
  { disk }: DiskPart,
  { asked: time }: Next,
  { offset, length, data }: Piece,
  copied: boolean,
) => {
  const common = {
    sequence: sequence(at),
    time,
    disk: disk.index,
    offset: bytes(offset),
    ...(copied && { copied: true as const }),
  };
  return data
    ? { kind: "data" as const, ...common, data }
    : { kind: "zero" as const, ...common, length: bytes(length) };
};
