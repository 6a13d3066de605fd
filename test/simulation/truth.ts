import type { Digest } from "../../engine/core/digest.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import type { Sequence } from "../../engine/core/units.ts";
import type { CheckedSegment } from "../../engine/journal/segment.ts";

/** Something that must never be. */
export class Violation extends Error {}

export interface Moment {
  readonly sequence: Sequence;
  /** Byte for byte, by index. */
  readonly disks: readonly Buffer[];
}

/** What the source really did: the reference that everything else is compared with. */
export class Truth {
  readonly moments = new Map<BarrierId, Moment>();
  readonly proved = new Set<BarrierId>();
  readonly #segments = new Map<string, Digest>();

  noteSealed(segment: CheckedSegment): void {
    const { generation, ordinal } = segment.header;
    const before = this.digestAt(generation, ordinal);
    if (before && before !== segment.digest)
      throw new Violation(`generation ${generation} has two histories: segment ${ordinal} was sealed twice`);
    this.#segments.set(`${generation}/${ordinal}`, segment.digest);
  }

  digestAt(generation: number, ordinal: number): Digest | undefined {
    return this.#segments.get(`${generation}/${ordinal}`);
  }
}
