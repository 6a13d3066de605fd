import { syncBuiltinESMExports } from "node:module";
import crypto from "node:crypto";
import zlib, { type ZstdOptions } from "node:zlib";

type Answer = (error: Error | null, result?: Buffer) => void;

/**
 * Makes compression answer at once instead of from the thread pool, whose order no seed decides. To be imported before
 * anything of the engine.
 */
const atOnce =
  (work: (data: Uint8Array, options: ZstdOptions) => Buffer) =>
  (data: Uint8Array, options: ZstdOptions, answer: Answer): void => {
    let result: Buffer;
    try {
      result = work(data, options);
    } catch (error) {
      answer(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    answer(null, result);
  };

/** As much of a stream as the engine uses: one write, and what comes of it. */
function compressor(options: ZstdOptions) {
  const data: ((part: Buffer) => void)[] = [];
  return {
    once: () => undefined,
    on: (_event: "data", hear: (part: Buffer) => void) => data.push(hear),
    write: (body: Uint8Array, done: (error: Error | null) => void) => {
      const part = zlib.zstdCompressSync(body, { params: options.params });
      for (const hear of data) hear(part);
      done(null);
    },
    close: () => undefined,
  };
}

Object.defineProperty(zlib, "createZstdCompress", { value: compressor });
Object.assign(zlib, {
  zstdCompress: atOnce(zlib.zstdCompressSync),
  zstdDecompress: atOnce(zlib.zstdDecompressSync),
});
let ids = 0;
/** Random ids are counted from here on, so that names made of them are the same in every run of a seed. */
export const beginIds = (): void => {
  ids = 0;
};
crypto.randomUUID = () => `00000000-0000-4000-9000-${String(++ids).padStart(12, "0")}`;
syncBuiltinESMExports();
