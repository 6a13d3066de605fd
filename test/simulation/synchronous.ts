import { syncBuiltinESMExports } from "node:module";
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

Object.assign(zlib, {
  zstdCompress: atOnce(zlib.zstdCompressSync),
  zstdDecompress: atOnce(zlib.zstdDecompressSync),
});
syncBuiltinESMExports();
