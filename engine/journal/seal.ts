import { createCipheriv, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { Digest } from "../core/digest.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, type Ordinal, type Sequence, bytes } from "../core/units.ts";
import { encodeBody } from "./body.ts";
import { HEADER, HEADER_BYTES, MAX_BODY, type SegmentHeader, VERSION, writeHeader } from "./header.ts";
import type { DataKey } from "./key.ts";
import { CIPHER, openSegment, withoutTag } from "./open.ts";
import type { JournalRecord } from "./record.ts";
import {
  type CheckedSegment,
  TRAILER_BYTES,
  checkSegment,
  damaged,
  placeOf,
  writeTrailer,
} from "./segment.ts";
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
  const { machine, generation, ordinal, previous, from } = content;
  const segment = encrypt(stored, content.key, {
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
    tag: Buffer.alloc(HEADER.tag.size),
  });
  writeTrailer(segment);
  return verify(segment, content);
}

const deflate = (body: Buffer): Promise<Buffer> =>
  compress(body, {
    // One output chunk that always fits: the default of 16 KiB costs a third of the speed.
    chunkSize: body.length + (body.length >> 7) + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });

function encrypt(stored: Buffer, key: DataKey, header: SegmentHeader): Buffer {
  const segment = Buffer.allocUnsafeSlow(HEADER_BYTES + stored.length + TRAILER_BYTES);
  writeHeader(header, segment);
  const cipher = createCipheriv(CIPHER, key, header.nonce, { authTagLength: HEADER.tag.size });
  cipher.setAAD(withoutTag(segment));
  segment.set(cipher.update(stored), HEADER_BYTES);
  cipher.final();
  segment.set(cipher.getAuthTag(), HEADER.tag.at);
  return segment;
}

async function verify(segment: Buffer, content: SegmentContent): Promise<SealedSegment> {
  const checked = checkSegment(segment);
  const records = await openSegment(checked, content.key);
  const body = encodeBody(content.from, records);
  if (!body.equals(encodeBody(content.from, content.records)))
    throw damaged(`${placeOf(checked.header)} does not decode to what was sealed`);
  return checked;
}
