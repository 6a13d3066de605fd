import { crc32 } from "node:zlib";
import type { Files } from "../../agent/files.ts";
import { SECTOR } from "../../engine/core/units.ts";
import type { Mutation } from "./mutations.ts";

/** A crash must follow a point that a crash was followed by. */
const CRASHES: Pick<Mutation, "steps" | "often" | "weather"> = {
  steps: 1500,
  often: { crash: 3, point: 6, flush: 2, checkpoint: 0.2, wake: 0.2 },
  weather: { refuse: 0, timeout: 0, kill: 0, rollback: 0, hang: 0 },
};

/** What is wrong with the marks that bound a comparison behind a crash of the machine. */
export const MUTATIONS_OF_MARKS: Readonly<Record<string, Mutation>> = {
  "intent-late": {
    ...CRASHES,
    what: "a region's mark is written some time after the region",
    caught: /^point .* differs/,
    files: lateMarks,
  },
  "lost-region": {
    ...CRASHES,
    what: "a region that is marked is forgotten, so that the comparison behind a crash leaves it out",
    caught: /^point .* differs/,
    files: forgottenMarks,
  },
};

/** A mark waits until others go. */
function lateMarks(files: Files): Files {
  return {
    ...files,
    open: (path, mode) => {
      const file = files.open(path, mode);
      if (mode !== "durable") return file;
      const write = (parts: readonly Uint8Array[], at?: number): number => {
        const data = Buffer.concat(parts);
        const before = Buffer.alloc(data.length);
        file.read(before, at ?? 0);
        const marks =
          data.length === SECTOR && data.some((byte, n) => n >= 8 && (byte & ~(before[n] ?? 0)) !== 0);
        return marks ? data.length : file.write([data], at);
      };
      return { ...file, write };
    },
  };
}

/** Before the marks in a file of them: two headers. In each of its sectors before its bits: a checksum, and a number. */
const HEADERS = 2 * 4096;
const HEAD = 8;

/** Who reads the marks again misses the first of each sector. */
function forgottenMarks(files: Files): Files {
  return {
    ...files,
    read: (path) => {
      const content = Buffer.from(files.read(path));
      if (!path.endsWith("/intent")) return content;
      for (let at = HEADERS; at + SECTOR <= content.length; at += SECTOR)
        forgetFirst(content.subarray(at, at + SECTOR));
      return content;
    },
  };
}

function forgetFirst(sector: Buffer): void {
  const at = sector.findIndex((byte, n) => n >= HEAD && byte !== 0);
  if (at < 0) return;
  const bits = sector[at] ?? 0;
  sector[at] = bits & (bits - 1);
  sector.writeUInt32LE(crc32(sector.subarray(4)), 0);
}
