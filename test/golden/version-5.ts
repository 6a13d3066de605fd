import { barrierId } from "../../engine/core/ids.ts";
import { bytes, diskIndex, micros, millis, sequence } from "../../engine/core/units.ts";
import type { JournalRecord } from "../../engine/journal/record.ts";
import * as v4 from "./version-4.ts";

/**
 * What the files of `version-5/` say: the records of version 4, and behind them a change of two segments that a barrier
 * closes whose disks are apart. Never change it: a new version gets a file and a folder of its own.
 */
export { DATA_KEY, FROM, GENERATION, MACHINE } from "./version-4.ts";
export const FOLDER = new URL("./version-5/", import.meta.url);
export const PACK_FILE = "0-6.pack.seg";
export const SEGMENT_FILES = [...v4.SEGMENT_FILES, "4.seg", "5.seg", "6.seg"] as const;
/** Ordinals of segments whose change goes on. */
export const CONTINUES: readonly number[] = [4, 5];

const last = v4.RECORDS.flat().at(-1)?.sequence ?? 0;
const time = micros(1_790_000_000_500_000);

export const RECORDS: readonly (readonly JournalRecord[])[] = [
  ...v4.RECORDS,
  [
    {
      kind: "data",
      sequence: sequence(last + 1),
      time,
      disk: diskIndex(0),
      offset: bytes(4096),
      data: Buffer.alloc(512, 7),
    },
  ],
  [
    {
      kind: "zero",
      sequence: sequence(last + 2),
      time,
      disk: diskIndex(1),
      offset: bytes(0),
      length: bytes(1024),
    },
  ],
  [
    {
      kind: "barrier",
      id: barrierId("8a4ee1f2-0c55-4c8e-9a35-3f6d1f0f7c05"),
      sequence: sequence(last + 2),
      time,
      consistency: "crash",
      spread: millis(1250),
    },
  ],
];
