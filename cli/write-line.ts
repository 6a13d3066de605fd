import { toIso } from "../engine/core/clock.ts";
import type { WriteRecord } from "../engine/journal/record.ts";
import { lengthOf } from "../engine/replication/merge.ts";

/** A write as the commands print it: what and where, without its data. */
export const describeWrite = (write: WriteRecord) => ({
  sequence: write.sequence,
  time: toIso(write.time),
  disk: write.disk,
  offset: write.offset,
  length: lengthOf(write),
  kind: write.kind,
  copied: write.copied === true,
});
