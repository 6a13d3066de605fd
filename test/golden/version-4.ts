/**
 * What the files of `version-4/` say: the records of version 3, whose headers now count the copies among them.
 * Never change it: a new version gets a file and a folder of its own.
 */
export { DATA_KEY, FROM, GENERATION, MACHINE, PACK_FILE, RECORDS, SEGMENT_FILES } from "./version-3.ts";
export const FOLDER = new URL("./version-4/", import.meta.url);
