/**
 * What the files of `version-2/` say: segments with the records of version 1, whose flags now tell barriers and proofs apart.
 * Never change it: a new version gets a file and a folder of its own.
 */
export { DATA_KEY, FROM, GENERATION, MACHINE, PACK_FILE, RECORDS, SEGMENT_FILES } from "./version-1.ts";
export const FOLDER = new URL("./version-2/", import.meta.url);
