import type { Clock } from "../engine/core/clock.ts";
import { BLOCK, type Bytes, type DiskIndex, KIB, bytes, diskIndex, millis } from "../engine/core/units.ts";
import type { Disk } from "./disk.ts";
import type { Pace } from "./pace.ts";
import { Rate } from "./rate.ts";
import type { Recorder } from "./recorder.ts";
import { isZero } from "./zero.ts";

/** Read and journalled in one turn: a tenth of a millisecond. */
const RUN = 256 * KIB;
const WAIT = millis(20);

/** Where a copy goes on. */
export interface CopyPlace {
  readonly disk: DiskIndex;
  readonly offset: Bytes;
}

export interface CopyProgress {
  readonly done: Bytes;
  readonly total: Bytes;
  /** Bytes a second over the last seconds. */
  readonly rate: Bytes;
}

/**
 * Puts what the disks hold into the journal as writes. A run is read and recorded within one turn of the event loop, so
 * no write of the guest comes in between: what stands later in the journal is newer. Zero blocks are left out, since
 * a generation begins with empty disks.
 */
export class InitialCopy {
  readonly #disks: readonly Disk[];
  readonly #recorder: Recorder;
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #rate: Rate;
  readonly #run = Buffer.allocUnsafeSlow(RUN);
  #place: CopyPlace | undefined;

  /** @param from undefined when it is complete */
  constructor(s: {
    disks: readonly Disk[];
    recorder: Recorder;
    pace: Pace;
    clock: Clock;
    from: CopyPlace | undefined;
  }) {
    this.#disks = s.disks;
    this.#recorder = s.recorder;
    this.#pace = s.pace;
    this.#clock = s.clock;
    this.#place = s.from;
    this.#rate = new Rate(s.clock);
  }

  /** Everything before it is in the journal; undefined when all is. */
  get place(): CopyPlace | undefined {
    return this.#place;
  }

  get progress(): CopyProgress {
    const sizes = this.#disks.map(({ size }) => size);
    const total = sum(sizes);
    const place = this.#place;
    const done = place ? bytes(sum(sizes.slice(0, place.disk)) + place.offset) : total;
    return { done, total, rate: place ? this.#rate.perSecond() : bytes(0) };
  }

  /** Goes on to the end. Waits while `crowded` says that the spool has enough to carry. @throws as `Recorder.write` */
  async run(crowded: () => boolean, signal: AbortSignal): Promise<void> {
    while (this.#place) {
      await this.#pace.turn();
      while (crowded() && !signal.aborted) await this.#clock.sleep(WAIT);
      if (signal.aborted) return;
      this.#place = this.#copyRun(this.#place);
    }
  }

  #copyRun({ disk: index, offset }: CopyPlace): CopyPlace | undefined {
    const disk = this.#disks[index];
    if (!disk) return undefined;
    const content = this.#run.subarray(0, Math.min(RUN, disk.size - offset));
    disk.read(offset, content);
    const runs = nonZeroRuns(content, offset);
    if (runs.length > 0) this.#recorder.refer(index, runs);
    this.#rate.add(content.length);
    const next = bytes(offset + content.length);
    if (next < disk.size) return { disk: index, offset: next };
    return index + 1 < this.#disks.length ? { disk: diskIndex(index + 1), offset: bytes(0) } : undefined;
  }
}

/** Whole blocks that hold something, neighbours together. */
function nonZeroRuns(content: Buffer, offset: Bytes): { offset: Bytes; length: Bytes }[] {
  const runs: { start: number; end: number }[] = [];
  for (let start = 0; start < content.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, content.length);
    if (isZero(content.subarray(start, end))) continue;
    const last = runs.at(-1);
    if (last?.end === start) last.end = end;
    else runs.push({ start, end });
  }
  return runs.map(({ start, end }) => ({
    offset: bytes(offset + start),
    length: bytes(end - start),
  }));
}

const sum = (sizes: readonly Bytes[]): Bytes => bytes(sizes.reduce((all, size) => all + size, 0));
