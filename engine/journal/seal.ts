import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { Digest } from "../core/digest.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, type Ordinal, type Sequence, bytes } from "../core/units.ts";
import { encodeBody } from "./body.ts";
import { encryptInto } from "./cipher.ts";
import { HEADER, HEADER_BYTES, MAX_BODY, VERSION, writeHeader } from "./header.ts";
import type { DataKey } from "./key.ts";
import { openSegment } from "./open.ts";
import type { JournalRecord } from "./record.ts";
import { sameRecord } from "./same-record.ts";
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
import { summarize } from "./summary.ts";

const compress = promisify(zstdCompress);

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
  const summary = summarize(content.from, content.records);
  const body = encodeBody(content.from, content.records);
  if (body.length > MAX_BODY)
    throw new RangeError(`a segment of ${body.length} bytes; the limit is ${MAX_BODY}`);
  const packed = await deflate(body);
  const compressed = packed.length < body.length;
  const stored = compressed ? packed : body;
  const { machine, generation, ordinal, previous, from, key } = content;
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
  await encryptInto(segment, stored, key);
  writeTrailer(segment, await slicedSha256(digested(segment)));
  return verify(segment, content);
}

const deflate = (body: Buffer): Promise<Buffer> =>
  compress(body, {
    // One output chunk that always fits: many small ones cost a third of the speed.
    chunkSize: body.length + (body.length >> 7) + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });

/** Reads the segment as any reader would, and compares. */
async function verify(segment: Buffer, { records, key }: SegmentContent): Promise<SealedSegment> {
  const checked = checkWith(segment, await slicedSha256(digested(segment)));
  const found = await openSegment(checked, key);
  const wrong = records.findIndex((record, i) => !sameRecord(record, found[i]));
  if (wrong >= 0)
    throw damaged(`${placeOf(checked.header)}: record ${wrong} does not decode to what was sealed`);
  return checked;
}
