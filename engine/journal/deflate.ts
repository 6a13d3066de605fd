import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import { KIB } from "../core/units.ts";

const compress = promisify(zstdCompress);

/** Compression that saves less is not worth what every reader pays to undo it. */
const WORTH_IT = 31 / 32;
const PROBES = 32;
const PAGE = 4 * KIB;

/** The body as it is stored: one zstd frame, made off-thread, or the body itself when it does not shrink. */
export async function deflated(body: Buffer): Promise<{ stored: Buffer; compressed: boolean }> {
  const packed = (await looksDense(body)) ? body : await deflate(body);
  const compressed = shrank(packed, body);
  return { stored: compressed ? packed : body, compressed };
}

/** Whether a few pages from all over a large body do not shrink: encrypted or media, spare the attempt on the whole. */
async function looksDense(body: Buffer): Promise<boolean> {
  const stride = Math.floor(body.length / PROBES);
  if (stride < 4 * PAGE) return false;
  const pages = Array.from({ length: PROBES }, (_, i) => {
    const at = i * stride + Math.floor(((i * GOLDEN) % 1) * (stride - PAGE));
    return body.subarray(at, at + PAGE);
  });
  const sample = Buffer.concat(pages);
  return !shrank(await deflate(sample), sample);
}

/**
 * Each page is taken from another place of its stretch, spread by the golden ratio: content often repeats at powers of
 * two, and pages at one distance from each other would all meet the same part of it.
 */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

const shrank = (packed: Buffer, plain: Buffer): boolean => packed.length <= plain.length * WORTH_IT;

const deflate = (body: Buffer): Promise<Buffer> =>
  compress(body, {
    // One output chunk that always fits: many small ones cost a third of the speed.
    chunkSize: body.length + (body.length >> 7) + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
