import { type Bytes, bytes } from "../engine/core/units.ts";
import type { DiskDigests } from "./digests.ts";
import type { Place } from "./unrecorded.ts";

/**
 * What the guest changes behind the end of a journal. The blocks are marked for the comparison that follows; the figures are this
 * process's own: nobody can say what was changed while no agent ran.
 */
export class Missed {
  readonly #digests: readonly DiskDigests[];
  #writes = 0;
  #bytes = 0;

  /** @param digests of each disk, in index order */
  constructor(digests: readonly DiskDigests[]) {
    this.#digests = digests;
  }

  get count(): { readonly bytes: Bytes; readonly writes: number } {
    return { bytes: bytes(this.#bytes), writes: this.#writes };
  }

  add(places: readonly Place[]): void {
    for (const { disk, offset, length } of places) {
      this.#digests[disk]?.mark(offset, length);
      this.#bytes += length;
    }
    this.#writes += places.length;
  }
}
