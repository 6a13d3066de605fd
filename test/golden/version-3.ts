import { KIB, bytes, diskIndex, micros, sequence } from "../../engine/core/units.ts";
import type { JournalRecord } from "../../engine/journal/record.ts";
import { RECORDS as OLD, SEGMENT_FILES as OLD_FILES } from "./version-1.ts";

/**
 * What the files of `version-3/` say: segments with the records of version 1, and one more with copies of a comparison.
 * Never change it: a new version gets a file and a folder of its own.
 */
export { DATA_KEY, FROM, GENERATION, MACHINE } from "./version-1.ts";
export const FOLDER = new URL("./version-3/", import.meta.url);
export const SEGMENT_FILES = [...OLD_FILES, "3.seg"];
export const PACK_FILE = "0-3.pack.seg";

const LAST = OLD.flat().at(-1)?.sequence ?? 0;
const TIME = micros(1_795_000_000_100_000);

const COPIES: readonly JournalRecord[] = [
  {
    kind: "data",
    sequence: sequence(LAST + 1),
    time: TIME,
    disk: diskIndex(1),
    offset: bytes(64 * KIB),
    data: Buffer.alloc(64 * KIB, "copy "),
    copied: true,
  },
  {
    kind: "zero",
    sequence: sequence(LAST + 2),
    time: TIME,
    disk: diskIndex(0),
    offset: bytes(0),
    length: bytes(64 * KIB),
    copied: true,
  },
];
export const RECORDS: readonly (readonly JournalRecord[])[] = [...OLD, COPIES];
