import { type Micros, bytes, micros } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { type SegmentHeader, copiesIn } from "../journal/header.ts";
import type { JournalPosition } from "../journal/position.ts";
import { withoutCopies } from "../core/copies.ts";

/** Finds, on a walk backward from a point, where the segment that holds its barrier begins, and which times were met. */
export class TailTracker {
  earliest = micros(0);
  latest = micros(0);
  readonly #end: JournalPosition;
  #bytes: number;
  #copied: JournalPosition["copied"];
  #found: JournalPosition | undefined;
  #time: Micros | undefined;

  /** @param end where the walk begins */
  constructor(end: JournalPosition) {
    this.#end = end;
    this.#bytes = end.bytes;
    this.#copied = end.copied;
  }

  /** To be called with each segment, newest first; `barrier` once the walk has met the point's barrier, in it or before. */
  meet(header: SegmentHeader, barrier: boolean): void {
    const writes = header.to > header.from;
    if (writes) this.spans(header.firstTime, header.lastTime);
    if (this.#found && writes) this.#time ??= header.lastTime;
    this.#bytes -= header.dataBytes;
    const copied = withoutCopies(this.#copied, copiesIn(header));
    this.#copied = copied.copied;
    if (this.#found || !barrier) return;
    const { generation, ordinal: next, previous: chain, from: sequence } = header;
    this.#found = {
      generation,
      next,
      chain,
      sequence,
      time: micros(0),
      bytes: bytes(this.#bytes),
      ...copied,
    };
  }

  spans(earliest: Micros, latest: Micros): void {
    if (latest === 0) return;
    this.earliest = this.earliest === 0 ? earliest : micros(Math.min(this.earliest, earliest));
    this.latest = micros(Math.max(this.latest, latest));
  }

  /**
   * From where on segments say what comes after the point: the end itself when nothing between barrier and end does.
   * @param older the newest layer below the segments, when the walk went on with layers or ended at one
   * @param behind whether a later barrier, or a write behind the point's, was met
   */
  result(older: Layer | undefined, behind: boolean): JournalPosition | undefined {
    if (this.#found && !behind) return this.#end;
    const time = this.#time ?? older?.end.position.time ?? micros(0);
    return this.#found ? { ...this.#found, time } : older?.tail;
  }
}
