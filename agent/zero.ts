import { MIB } from "../engine/core/units.ts";

export const ZEROS: Buffer = Buffer.alloc(MIB);

/** Whether every byte is zero. At memory speed: zero blocks are most of a young disk. @param data at most 1 MiB */
export const isZero = (data: Uint8Array): boolean =>
  ZEROS.compare(data, 0, data.length, 0, data.length) === 0;
