import { type Bytes, type Micros, bytes, micros } from "../core/units.ts";
import type { Layer } from "../journal/layer-document.ts";
import { type SegmentHeader, copiesIn } from "../journal/header.ts";
import type { JournalPosition } from "../journal/position.ts";
import { withoutCopies } from "../core/copies.ts";

/** What a tracker knows, for one that goes on from there. */
export interface TailState {
  readonly earliest: Micros;
  readonly latest: Micros;
  readonly bytes: Bytes;
  readonly copied?: JournalPosition["copied"];
  readonly found?: JournalPosition | undefined;
  readonly time?: Micros | undefined;
}

/** Finds, on a walk backward from a point, where the segment that holds its barrier begins, and which times were met. */
export class TailTracker {
  earliest = micros(0);
  latest = micros(0);
  readonly #end: JournalPosition;
  #bytes: number;
  #copied: JournalPosition["copied"];
  #found: JournalPosition | undefined;
  #time: Micros | undefined;

  /**
   * @param end where the walk begins
   * @param known of a tracker that came so far
   */
  constructor(end: JournalPosition, known?: TailState) {
    this.#end = end;
    this.#bytes = known?.bytes ?? end.bytes;
    this.#copied = known ? known.copied : end.copied;
    this.#found = known?.found;
    this.#time = known?.time;
    this.earliest = known?.earliest ?? micros(0);
    this.latest = known?.latest ?? micros(0);
  }

  get state(): TailState {
    const { earliest, latest } = this;
    const found = this.#found && { found: this.#found };
    const time = this.#time !== undefined && { time: this.#time };
    const copied = this.#copied && { copied: this.#copied };
    return { earliest, latest, bytes: bytes(this.#bytes), ...copied, ...found, ...time };
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
  result(
    older: { readonly tail: JournalPosition; readonly end: Pick<Layer["end"], "position"> } | undefined,
    behind: boolean,
  ): JournalPosition | undefined {
    if (this.#found && !behind) return this.#end;
    const time = this.#time ?? older?.end.position.time ?? micros(0);
    return this.#found ? { ...this.#found, time } : older?.tail;
  }
}
