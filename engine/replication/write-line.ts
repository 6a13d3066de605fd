import { toIso } from "../core/clock.ts";
import type { WriteRecord } from "../journal/record.ts";
import { lengthOf } from "./merge.ts";

/** A write as it is told of: what and where, without its data. */
export const describeWrite = (write: WriteRecord) => ({
  sequence: write.sequence,
  time: toIso(write.time),
  disk: write.disk,
  offset: write.offset,
  length: lengthOf(write),
  kind: write.kind,
  copied: write.copied === true,
});
