import { randomBytes } from "node:crypto";
import type { Digest } from "../core/digest.ts";
import type { MachineId } from "../core/ids.ts";
import { type Generation, type Ordinal, type Sequence, bytes } from "../core/units.ts";
import { bodyLength, encodeBody } from "./body.ts";
import { encryptInto } from "./cipher.ts";
import { deflated } from "./deflate.ts";
import { HEADER, HEADER_BYTES, MAX_BODY, VERSION, writeHeader } from "./header.ts";
import type { DataKey } from "./key.ts";
import { openSegment } from "./open.ts";
import type { JournalRecord } from "./record.ts";
import { sameRecord } from "./same-record.ts";
import { withScratch } from "./scratch.ts";
import {
  type CheckedSegment,
  TRAILER_BYTES,
  checkSegment,
  damaged,
  placeOf,
  writeTrailer,
} from "./segment.ts";
import { type Summary, summarize } from "./summary.ts";

export interface SegmentContent {
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly ordinal: Ordinal;
  /** Digest of the segment before; for ordinal 0 that of the generation's base, or NO_DIGEST. */
  readonly previous: Digest;
  /** The last write before this segment. */
  readonly from: Sequence;
  /** Must not change until the promise settles. */
  readonly records: readonly JournalRecord[];
  /** Whether the writes are one change, so that no state lies between them; false when absent. */
  readonly indivisible?: boolean;
  /** Whether the change goes on in the next segment; false when absent. */
  readonly continues?: boolean;
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
  const { stored, compressed } = await deflated(body);
  const { machine, generation, ordinal, previous, from, indivisible = false, continues = false } = content;
  const segment = Buffer.allocUnsafeSlow(HEADER_BYTES + stored.length + TRAILER_BYTES);
  writeHeader(segment, {
    version: VERSION,
    machine,
    generation,
    ordinal,
    previous,
    from,
    ...summary,
    indivisible,
    continues,
    compressed,
    bodyLength: bytes(body.length),
    storedLength: bytes(stored.length),
    nonce: randomBytes(HEADER.nonce.size),
  });
  encryptInto(segment, stored, content.key);
  writeTrailer(segment);
  return segment;
}

/** Reads the segment as any reader would, and compares. */
async function verify(segment: Buffer, content: SegmentContent): Promise<SealedSegment> {
  const checked = checkSegment(segment);
  const { header } = checked;
  for (const field of ["machine", "generation", "ordinal", "previous", "from"] as const)
    if (header[field] !== content[field])
      throw damaged(`${placeOf(header)}: ${field} does not decode to ${content[field]}`);
  for (const flag of ["indivisible", "continues"] as const)
    if (header[flag] !== (content[flag] ?? false))
      throw damaged(`${placeOf(header)}: the flag ${flag} does not decode`);
  const wrong = await withScratch(header.bodyLength, async (body) => {
    // zstd is faster into memory of its own.
    const found = await openSegment(checked, content.key, header.compressed ? undefined : body);
    return content.records.findIndex((record, i) => !sameRecord(record, found[i]));
  });
  if (wrong >= 0) throw damaged(`${placeOf(header)}: record ${wrong} does not decode to what was sealed`);
  return checked;
}
