import { DIGEST_BYTES } from "../engine/core/digest.ts";
import type { Clock } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { SOON, waitAfter } from "../engine/core/retry.ts";
import { BLOCK, type Bytes, type DiskIndex, KIB, MIB, bytes, millis } from "../engine/core/units.ts";
import { zeroDigests } from "../engine/journal/digest-tree.ts";
import type { BaseDigests } from "../engine/replication/base-digests.ts";
import type { Known } from "./beginning.ts";
import type { DiskDigests, Watch } from "./digests.ts";
import type { Disk } from "./disk.ts";
import type { HashBlocks } from "./hash-blocks.ts";
import { Rate } from "./rate.ts";
import type { Recorder } from "./recorder.ts";
import type { Throttle } from "./throttle.ts";

/** Hashed in one piece. */
const CHUNK = 16 * MIB;
const SMALL_CHUNK = 1 * MIB;
/** A longer reference would be copied as a whole when one byte of it is overwritten. */
const LONGEST_RUN = 256 * KIB;
const WAIT = millis(20);
/** The agent looks whether the digests of the base are there: soon at first, then less often. */
const FIRST_LOOK = 25;
const LAST_LOOK = 2000;

/** Where a comparison goes on. */
export interface ComparisonPlace {
  readonly disk: DiskIndex;
  readonly offset: Bytes;
}

export interface ComparisonProgress {
  readonly done: Bytes;
  readonly total: Bytes;
  /** Bytes a second over the last seconds. */
  readonly rate: Bytes;
  /** Bytes of blocks that differed and went into the journal. */
  readonly sent: Bytes;
  /** Whether marked regions are read, or all; why all, where marks were wanted. */
  readonly scope: "marked" | "all";
  readonly why?: string;
}

export interface ComparisonParts {
  readonly disks: readonly Disk[];
  /** Those that are compared, ascending. */
  readonly recorded: readonly DiskIndex[];
  readonly recorder: Recorder;
  /** Of each disk. */
  readonly digests: readonly DiskDigests[];
  readonly hashBlocks: HashBlocks;
  /** What the target holds; empty disks without it. */
  readonly base: BaseDigests | undefined;
  /** What is not marked is as in the base. */
  readonly known: Known;
  readonly throttle: Throttle;
  readonly clock: Clock;
  /** Undefined when it is complete. */
  readonly from: ComparisonPlace | undefined;
}

/** A piece whose digests are on their way. */
interface Flight {
  readonly index: DiskIndex;
  readonly disk: Disk;
  readonly offset: Bytes;
  readonly length: Bytes;
  readonly watch: Watch;
  readonly landed: Promise<Landed>;
}

interface Landed {
  readonly digests: Uint8Array;
  /** Blocks that the base holds otherwise, ascending. */
  readonly differing: readonly number[];
  /** Blocks [from, to) were read; the digests of the others are the base's. */
  readonly from: number;
  readonly to: number;
}

/**
 * Compares the disks with what the target holds and puts the blocks that differ into the journal, as writes. Initial copy,
 * resync and failback are this one thing, with another base each: first copy, that of empty disks.
 *
 * Blocks are read and hashed elsewhere while the guest goes on. What it changes in a piece meanwhile is noted; when the digests
 * are there, the piece is settled within one turn of the event loop: blocks that nobody touched and that differ go into the
 * journal as they are on the disk, and those that were touched go unseen. So whatever stands later in the journal is newer, and
 * everything before `place` is in the journal or as in the base.
 */
export class Comparison {
  readonly #s: ComparisonParts;
  readonly #rate: Rate;
  readonly #zeros = zeroDigests(bytes(BLOCK));
  #place: ComparisonPlace | undefined;
  #sent = 0;

  constructor(s: ComparisonParts) {
    this.#s = s;
    this.#place = s.from;
    this.#rate = new Rate(s.clock);
  }

  /** Everything before it is compared; undefined when all is. */
  get place(): ComparisonPlace | undefined {
    return this.#place;
  }

  get progress(): ComparisonProgress {
    const { disks, recorded } = this.#s;
    const sizeOf = (some: readonly DiskIndex[]) => some.reduce((all, n) => all + (disks[n]?.size ?? 0), 0);
    const total = bytes(sizeOf(recorded));
    const place = this.#place;
    const done = place ? bytes(sizeOf(recorded.filter((n) => n < place.disk)) + place.offset) : total;
    const rate = place ? this.#rate.perSecond() : bytes(0);
    const { marked, why } = this.#s.known;
    const scope = marked ? "marked" : "all";
    return { done, total, rate, sent: bytes(this.#sent), scope, ...(why !== undefined && { why }) };
  }

  /** Goes on to the end. Waits while `crowded` says that the spool has enough to carry. @throws as `Recorder.write` */
  async run(crowded: () => boolean, signal: AbortSignal): Promise<void> {
    if (this.#place) await this.#awaitBase(signal);
    const flights: Flight[] = [];
    try {
      for (let next = this.#place; this.#place && !signal.aborted;) {
        while (next && flights.length < this.#s.throttle.width && !crowded()) {
          this.#s.throttle.begin();
          const flight = this.#launch(next);
          flights.push(flight);
          next = this.#behind(flight);
        }
        const [first] = flights;
        if (!first) await this.#s.clock.sleep(WAIT);
        else {
          const landed = await this.#land(first, signal);
          while (crowded() && !signal.aborted) await this.#s.clock.sleep(WAIT);
          if (!landed || signal.aborted) return;
          flights.shift();
          this.#settle(first, landed);
          if (this.#place) await this.#s.throttle.rest(first.length);
        }
      }
    } finally {
      this.#s.throttle.end();
      for (const { index, watch } of flights) this.#s.digests[index]?.unwatch(watch);
    }
  }

  async #awaitBase(signal: AbortSignal): Promise<void> {
    const { base, clock } = this.#s;
    for (let wait = FIRST_LOOK; base && !signal.aborted; wait = Math.min(2 * wait, LAST_LOOK)) {
      if (await base.ready().catch(notYet)) return;
      await clock.sleep(millis(wait), signal).catch(() => undefined);
    }
  }

  #launch({ disk: index, offset }: ComparisonPlace): Flight {
    const disk = this.#s.disks[index];
    if (!disk) throw new RangeError(`there is no disk ${index}`);
    const size = this.#s.throttle.gentle ? SMALL_CHUNK : CHUNK;
    const length = bytes(Math.min(size - (offset % size), disk.size - offset));
    const first = offset / BLOCK;
    const watch = this.#s.digests[index]?.watch(first, first + Math.ceil(length / BLOCK));
    if (!watch) throw new RangeError(`there are no digests of disk ${index}`);
    const landed = this.#compare(disk, index, offset, length);
    // Who waits for it hears of its failure.
    landed.catch(() => undefined);
    return { index, disk, offset, length, watch, landed };
  }

  async #compare(disk: Disk, index: DiskIndex, offset: Bytes, length: Bytes): Promise<Landed> {
    const { base } = this.#s;
    const first = offset / BLOCK;
    const end = first + Math.ceil(length / BLOCK);
    const found = await this.#digestsOf(disk, index, first, end);
    const { digests } = found;
    if (base)
      return { ...found, differing: await base.differing({ index, size: disk.size }, first, end, digests) };
    const differing: number[] = [];
    for (let block = first; block < end; block++)
      if (!this.#isZero(disk, block, digestAt(digests, block - first))) differing.push(block);
    return { ...found, differing };
  }

  /** Of blocks [first, end). Those that are not marked hold what the base does, and are not read, but for some between two that are. */
  async #digestsOf(
    disk: Disk,
    index: DiskIndex,
    first: number,
    end: number,
  ): Promise<Omit<Landed, "differing">> {
    const { base, known, hashBlocks } = this.#s;
    const read = async (from: number, to: number) => {
      const length = Math.min(to * BLOCK, disk.size) - from * BLOCK;
      return length > 0 ? hashBlocks(disk, bytes(from * BLOCK), bytes(length)) : new Uint8Array();
    };
    const all = async () => ({ digests: await read(first, end), from: first, to: end });
    const marks = known.marked?.disks[index];
    if (!base || !marks) return all();
    let from = first;
    while (from < end && !marks.has(from)) from++;
    let to = end;
    while (to > from && !marks.has(to - 1)) to--;
    const of = { index, size: disk.size };
    const before = await base.unforced(of, first, from);
    const behind = await base.unforced(of, to, end);
    if (!before || !behind) return all();
    return { digests: Buffer.concat([before, await read(from, to), behind]), from, to };
  }

  /** What the base holds may be out of reach for a time; the disk must not. */
  async #land(flight: Flight, signal: AbortSignal): Promise<Landed | undefined> {
    const { disk, index, offset, length } = flight;
    let landed = flight.landed;
    for (let tries = 0; ; tries++) {
      try {
        return await landed;
      } catch (error) {
        if (!(error instanceof LeewardError) || error.code === "DiskUnreadable") throw error;
        await this.#s.clock.sleep(waitAfter(SOON, tries, disk.path), signal).catch(() => undefined);
        if (signal.aborted) return undefined;
        landed = this.#compare(disk, index, offset, length);
      }
    }
  }

  /** In one turn: no write of the guest comes between what was looked at and what is recorded. */
  #settle(flight: Flight, { digests, differing, from: read, to: unread }: Landed): void {
    const { index, offset, length, watch } = flight;
    const known = this.#s.digests[index];
    known?.unwatch(watch);
    const wanted = new Set([...differing, ...watch.touched]);
    this.#record(
      flight,
      digests,
      [...wanted].toSorted((a, b) => a - b),
    );
    const first = offset / BLOCK;
    const count = digests.length / DIGEST_BYTES;
    // What the guest changed before anybody watched is not as in the base any more, whatever the marks say.
    const isCurrent = (block: number) =>
      !watch.touched.has(block) && ((block >= read && block < unread) || known?.hasChanged(block) !== true);
    for (const [from, to] of stretches(
      count,
      (n) => isCurrent(first + n) && this.#isNews(flight, digests, n, wanted),
    ))
      known?.learn(first + from, digests.subarray(from * DIGEST_BYTES, to * DIGEST_BYTES));
    this.#rate.add(length);
    this.#place = this.#behind(flight);
  }

  /** A table that knows nothing of a block takes it for zeros. */
  #isNews({ disk, offset }: Flight, digests: Uint8Array, n: number, wanted: ReadonlySet<number>): boolean {
    const block = offset / BLOCK + n;
    return wanted.has(block) || !this.#isZero(disk, block, digestAt(digests, n));
  }

  #record({ index, disk, offset, watch }: Flight, digests: Uint8Array, blocks: readonly number[]): void {
    const first = offset / BLOCK;
    const runs: { zero: boolean; offset: number; end: number }[] = [];
    for (const block of blocks) {
      const zero = !watch.touched.has(block) && this.#isZero(disk, block, digestAt(digests, block - first));
      const at = block * BLOCK;
      const end = Math.min(at + BLOCK, disk.size);
      const last = runs.at(-1);
      if (last?.end === at && last.zero === zero && (zero || end - last.offset <= LONGEST_RUN))
        last.end = end;
      else runs.push({ zero, offset: at, end });
      this.#sent += end - at;
    }
    const ranges = runs.map(({ zero, offset: at, end }) => ({
      zero,
      offset: bytes(at),
      length: bytes(end - at),
    }));
    const origin = { copied: true } as const;
    for (const range of ranges)
      if (range.zero) this.#s.recorder.zero(index, range.offset, range.length, origin);
    const data = ranges.filter(({ zero }) => !zero);
    if (data.length > 0) this.#s.recorder.refer(index, data, origin);
  }

  #isZero(disk: Disk, block: number, digest: Uint8Array): boolean {
    const length = Math.min(BLOCK, disk.size - block * BLOCK);
    const zero = length === BLOCK ? this.#zeros : zeroDigests(bytes(length));
    return Buffer.compare(digest, zero) === 0;
  }

  #behind({ index, disk, offset, length }: Flight): ComparisonPlace | undefined {
    const next = bytes(offset + length);
    if (next < disk.size) return { disk: index, offset: next };
    const other = this.#s.recorded.find((one) => one > index);
    return other === undefined ? undefined : { disk: other, offset: bytes(0) };
  }
}

const digestAt = (digests: Uint8Array, n: number): Uint8Array =>
  digests.subarray(n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES);

/** Runs of numbers below `count` for which it holds, each as [from, to). */
function* stretches(
  count: number,
  holds: (n: number) => boolean,
): Generator<readonly [from: number, to: number]> {
  let from: number | undefined;
  for (let n = 0; n <= count; n++) {
    const is = n < count && holds(n);
    if (is) from ??= n;
    else if (from !== undefined) {
      yield [from, n];
      from = undefined;
    }
  }
}

function notYet(error: unknown): false {
  if (error instanceof LeewardError) return false;
  throw error;
}
