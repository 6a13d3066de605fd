import { type Bytes, micros } from "../core/units.ts";
import { workRunName } from "../journal/names.ts";
import type { Work } from "../journal/work-document.ts";
import { spanOf } from "./layers.ts";
import { putPartOnce } from "./part-once.ts";
import { runBuild, type SourcesPlace } from "./sorted-sources.ts";
import { SortedWriter } from "./sorted-writer.ts";

/** Puts the parts of one sorted run. */
export class RunWriter {
  readonly writer: SortedWriter;
  readonly counts: { writes: number; marks: number };
  /** As stored, since it was made. */
  stored = 0;

  /** @param counts parts that there are already */
  constructor(
    { objects, key, work }: SourcesPlace,
    run: number,
    partBytes: Bytes,
    counts: { readonly writes: number; readonly marks: number } = { writes: 0, marks: 0 },
  ) {
    this.counts = { writes: counts.writes, marks: counts.marks };
    this.writer = new SortedWriter({
      sequence: work.end.sequence,
      barrier: work.end.id,
      time: micros(0),
      partBytes,
      put: async (kind, records) => {
        const part = this.counts[kind]++;
        const span = spanOf({ ...placeOf(work), build: runBuild(work.build, run, kind) });
        const name = workRunName(work, run, kind, part);
        const { size } = await putPartOnce({ objects, key, name, span, part, last: false, records });
        this.stored += size;
      },
    });
  }
}

/** What of the layer every part names. */
export const placeOf = ({ machine, generation, build, begin, end, made }: Work) => ({
  machine,
  generation,
  build,
  begin,
  end,
  made,
});
