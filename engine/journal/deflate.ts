import { constants, createZstdCompress } from "node:zlib";
import { KIB } from "../core/units.ts";

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

/**
 * Told at once that nothing follows, zstd works from the body straight into the output, a seventh less work, and notes the
 * body's length, with which a reader needs no window either. `zstdCompress` says so only afterwards.
 */
function deflate(body: Buffer): Promise<Buffer> {
  const stream = createZstdCompress({
    // One output chunk that always fits: many small ones cost a third of the speed.
    chunkSize: body.length + (body.length >> 7) + 1024,
    flush: constants.ZSTD_e_end,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    stream.once("error", reject);
    stream.on("data", (part: Buffer) => parts.push(part));
    // Not ended, which would add an empty frame.
    stream.write(body, (error) => {
      stream.close();
      if (error) reject(error);
      else resolve(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));
    });
  });
}
