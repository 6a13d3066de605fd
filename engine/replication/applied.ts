import { type Bytes, type Micros, type Sequence, bytes } from "../core/units.ts";
import { copiesIn } from "../journal/header.ts";
import type { JournalPosition } from "../journal/position.ts";
import { withoutCopies } from "../core/copies.ts";
import type { CheckedSegment } from "../journal/segment.ts";

/** What a tracker knows, for one that goes on from there. */
export interface AppliedState {
  readonly bytes: Bytes;
  readonly copied?: JournalPosition["copied"];
  readonly found?: JournalPosition | undefined;
  readonly time?: Micros | undefined;
}

/**
 * Finds, on a walk backward, the newest position before which every write is at most `upTo`. A barrier may lie inside a
 * segment: its later writes are not applied yet, so the position stays before that segment.
 */
export class AppliedTracker {
  readonly #upTo: Sequence;
  #bytes: Bytes;
  #copied: JournalPosition["copied"];
  #found: JournalPosition | undefined;
  /** Time of the last write before the position; known once an older segment with writes was met. */
  #time: Micros | undefined;

  /**
   * @param end where the walk begins
   * @param known of a tracker that came so far
   */
  constructor(upTo: Sequence, end: JournalPosition, known?: AppliedState) {
    this.#upTo = upTo;
    this.#bytes = known?.bytes ?? end.bytes;
    this.#copied = known ? known.copied : end.copied;
    this.#found = known?.found;
    this.#time = known?.time;
    if (!known && end.sequence <= upTo) {
      this.#found = end;
      this.#time = end.time;
    }
  }

  get state(): AppliedState {
    return {
      bytes: this.#bytes,
      ...(this.#copied && { copied: this.#copied }),
      ...(this.#found && { found: this.#found }),
      ...(this.#time !== undefined && { time: this.#time }),
    };
  }

  /** To be called with each segment, newest first. */
  meet({ header }: CheckedSegment): void {
    if (this.#found) {
      if (header.to > header.from) this.#time ??= header.lastTime;
      return;
    }
    this.#bytes = bytes(this.#bytes - header.dataBytes);
    const copied = withoutCopies(this.#copied, copiesIn(header));
    this.#copied = copied.copied;
    if (header.from > this.#upTo) return;
    this.#found = {
      generation: header.generation,
      next: header.ordinal,
      chain: header.previous,
      sequence: header.from,
      time: header.lastTime,
      bytes: this.#bytes,
      ...copied,
    };
  }

  /** @param start where the walk ended */
  result(start: JournalPosition): JournalPosition {
    return this.#found ? { ...this.#found, time: this.#time ?? start.time } : start;
  }
}
