import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { Digest } from "../core/digest.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, KIB, type Ordinal, type Sequence, bytes } from "../core/units.ts";
import { bodyLength, encodeBody } from "./body.ts";
import { encryptInto } from "./cipher.ts";
import { HEADER, HEADER_BYTES, MAX_BODY, VERSION, writeHeader } from "./header.ts";
import type { DataKey } from "./key.ts";
import { openSegment } from "./open.ts";
import type { JournalRecord } from "./record.ts";
import { sameRecord } from "./same-record.ts";
import { withScratch } from "./scratch.ts";
import {
  type CheckedSegment,
  TRAILER_BYTES,
  checkWith,
  damaged,
  digested,
  placeOf,
  writeTrailer,
} from "./segment.ts";
import { slicedSha256 } from "./slices.ts";
import { type Summary, summarize } from "./summary.ts";

const compress = promisify(zstdCompress);

/** Compression that saves less is not worth what every reader pays to undo it. */
const WORTH_IT = 31 / 32;
const PROBES = 32;
const PAGE = 4 * KIB;

export interface SegmentContent {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly ordinal: Ordinal;
  /** Digest of the segment before; NO_DIGEST for ordinal 0. */
  readonly previous: Digest;
  /** The last write before this segment. */
  readonly from: Sequence;
  /** Must not change until the promise settles. */
  readonly records: readonly JournalRecord[];
  readonly key: DataKey;
}

export type SealedSegment = CheckedSegment;

/**
 * Compresses off-thread. What comes back was decoded and compared with what was given.
 * @throws RangeError for records that break the rules of `record.ts` or exceed 64 MiB together, SegmentDamaged when the
 * result does not decode: a fault of the machine or of Leeward, never of the caller.
 */
export async function sealSegment(content: SegmentContent): Promise<SealedSegment> {
  const { from, records } = content;
  const summary = summarize(from, records);
  const length = bodyLength(records);
  if (length > MAX_BODY) throw new RangeError(`a segment of ${length} bytes; the limit is ${MAX_BODY}`);
  const segment = await withScratch(length, (body) => {
    encodeBody(from, records, body);
    return encode(content, summary, body);
  });
  return verify(segment, content);
}

async function encode(content: SegmentContent, summary: Summary, body: Buffer): Promise<Buffer> {
  const packed = (await looksDense(body)) ? body : await deflate(body);
  const compressed = shrank(packed, body);
  const stored = compressed ? packed : body;
  const { machine, generation, ordinal, previous, from } = content;
  const segment = Buffer.allocUnsafeSlow(HEADER_BYTES + stored.length + TRAILER_BYTES);
  writeHeader(segment, {
    version: VERSION,
    machine,
    generation,
    ordinal,
    previous,
    from,
    ...summary,
    compressed,
    bodyLength: bytes(body.length),
    storedLength: bytes(stored.length),
    nonce: randomBytes(HEADER.nonce.size),
  });
  await encryptInto(segment, stored, content.key);
  writeTrailer(segment, await slicedSha256(digested(segment)));
  return segment;
}

/** Whether a few pages from all over a large body do not shrink: encrypted or media, spare the attempt on the whole. */
async function looksDense(body: Buffer): Promise<boolean> {
  const stride = Math.floor(body.length / PROBES);
  if (stride < 4 * PAGE) return false;
  const pages = Array.from({ length: PROBES }, (_, i) => body.subarray(i * stride, i * stride + PAGE));
  const sample = Buffer.concat(pages);
  return !shrank(await deflate(sample), sample);
}

const shrank = (packed: Buffer, plain: Buffer): boolean => packed.length <= plain.length * WORTH_IT;

const deflate = (body: Buffer): Promise<Buffer> =>
  compress(body, {
    // One output chunk that always fits: many small ones cost a third of the speed.
    chunkSize: body.length + (body.length >> 7) + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });

/** Reads the segment as any reader would, and compares. */
async function verify(segment: Buffer, content: SegmentContent): Promise<SealedSegment> {
  const checked = checkWith(segment, await slicedSha256(digested(segment)));
  const { header } = checked;
  for (const field of ["machine", "generation", "ordinal", "previous", "from"] as const)
    if (header[field] !== content[field])
      throw damaged(`${placeOf(header)}: ${field} does not decode to ${content[field]}`);
  const found = await openSegment(checked, content.key);
  const wrong = content.records.findIndex((record, i) => !sameRecord(record, found[i]));
  if (wrong >= 0) throw damaged(`${placeOf(header)}: record ${wrong} does not decode to what was sealed`);
  return checked;
}
