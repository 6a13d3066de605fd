import { type Digest, sha256 } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { getBytes, getNumber, putBytes, sizeOf } from "./field.ts";
import { HEADER, HEADER_BYTES, MAGIC, MAX_BODY, type SegmentHeader, VERSIONS, readHeader } from "./header.ts";

/** The end of a segment. */
export const TRAILER = {
  tag: { at: 0, size: 16 },
  digest: { at: 16, size: 32 },
  magic: { at: 48, size: 8 },
} as const;
export const TRAILER_BYTES = sizeOf(TRAILER);
export const END_MAGIC = Buffer.from("LEEWEND\n", "latin1");

/** A segment whose structure and digest are right. What is inside is still encrypted. */
export interface CheckedSegment {
  readonly header: SegmentHeader;
  /** SHA-256 of all stored bytes before it: the next segment's `previous`. */
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/**
 * Checks one whole segment without its key.
 * @throws SegmentDamaged, SegmentVersionUnknown
 */
export function checkSegment(bytes: Buffer): CheckedSegment {
  const length = lengthAt(bytes);
  if (length !== bytes.length) throw damaged(`a segment of ${length} bytes came with ${bytes.length}`);
  const header = soundly("header", () => readHeader(bytes));
  const digest = digestIn(bytes);
  const base = bytes.length - TRAILER_BYTES;
  if (digest !== getBytes(bytes, base, TRAILER.digest).toString("hex"))
    throw damaged(`${placeOf(header)}: the bytes do not fit their SHA-256`);
  if (!getBytes(bytes, base, TRAILER.magic).equals(END_MAGIC))
    throw damaged(`${placeOf(header)}: no mark at its end`);
  return { header, digest, bytes };
}

/**
 * An object holds one or more whole segments back to back. The parts are views and are not checked further.
 * @throws SegmentDamaged when the lengths do not add up, SegmentVersionUnknown
 */
export function splitPack(object: Buffer): Buffer[] {
  const segments: Buffer[] = [];
  let rest = object;
  do {
    const length = lengthAt(rest);
    if (length > rest.length)
      throw damaged(`segment ${segments.length} of an object wants ${length} bytes of ${rest.length}`);
    segments.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  } while (rest.length > 0);
  return segments;
}

/** The whole length of the segment that begins here. */
function lengthAt(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES)
    throw damaged(`${bytes.length} bytes are less than a segment`);
  if (!getBytes(bytes, 0, HEADER.magic).equals(MAGIC)) throw damaged("no segment begins here");
  const version = getNumber(bytes, 0, HEADER.version);
  if (!VERSIONS.includes(version))
    throw new LeewardError(
      "SegmentVersionUnknown",
      `a segment of version ${version}; known are ${VERSIONS.join(", ")}`,
    );
  const headerLength = getNumber(bytes, 0, HEADER.headerLength);
  const storedLength = getNumber(bytes, 0, HEADER.storedLength);
  if (headerLength !== HEADER_BYTES || storedLength > MAX_BODY)
    throw damaged(`impossible header: lengths ${headerLength} and ${storedLength}`);
  return HEADER_BYTES + storedLength + TRAILER_BYTES;
}

/** Where a segment belongs, for messages. */
export const placeOf = ({ machine, generation, ordinal }: SegmentHeader): string =>
  `segment ${ordinal} of ${machine}, generation ${generation}`;

export const damaged = (message: string, cause?: unknown): LeewardError =>
  new LeewardError("SegmentDamaged", message, cause);

/** What a decoder finds wrong by a RangeError is damage. */
export function soundly<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(`${where}: ${error.message}`, error);
    throw error;
  }
}

/** What the trailer's digest is of: all before it. */
export const digestIn = (segment: Buffer): Digest =>
  sha256(segment.subarray(0, segment.length - TRAILER_BYTES + TRAILER.digest.at));

/** Writes digest and end mark; the tag is there already. */
export function writeTrailer(segment: Buffer): void {
  const base = segment.length - TRAILER_BYTES;
  putBytes(segment, base, TRAILER.digest, Buffer.from(digestIn(segment), "hex"));
  putBytes(segment, base, TRAILER.magic, END_MAGIC);
}
