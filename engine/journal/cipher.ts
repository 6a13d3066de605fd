import { type Decipher, createCipheriv, createDecipheriv } from "node:crypto";
import { LeewardError } from "../core/errors.ts";
import { HEADER, HEADER_BYTES } from "./header.ts";
import type { DataKey } from "./key.ts";
import { type CheckedSegment, TRAILER, TRAILER_BYTES, placeOf } from "./segment.ts";
import { bySlices } from "./slices.ts";

const CIPHER = "aes-256-gcm";
const LENGTHS = { authTagLength: TRAILER.tag.size };

const headerOf = (segment: Buffer): Buffer => segment.subarray(0, HEADER_BYTES);
const nonceOf = (segment: Buffer): Buffer =>
  segment.subarray(HEADER.nonce.at, HEADER.nonce.at + HEADER.nonce.size);

/** Fills body and tag of the segment, whose header is written already and authenticated along with the body. */
export async function encryptInto(segment: Buffer, stored: Buffer, key: DataKey): Promise<void> {
  const cipher = createCipheriv(CIPHER, key, nonceOf(segment), LENGTHS).setAAD(headerOf(segment));
  await bySlices(stored, (slice, at) => segment.set(cipher.update(slice), HEADER_BYTES + at));
  cipher.final();
  segment.set(cipher.getAuthTag(), segment.length - TRAILER_BYTES + TRAILER.tag.at);
}

/** @throws KeyWrong: the bytes are what was stored, so it is the key that does not fit, or a forger wrote them. */
export async function decryptInto(
  plain: Buffer,
  { header, bytes }: CheckedSegment,
  key: DataKey,
): Promise<void> {
  const encrypted = bytes.subarray(HEADER_BYTES, bytes.length - TRAILER_BYTES);
  const tag = bytes.subarray(bytes.length - TRAILER_BYTES).subarray(0, TRAILER.tag.size);
  const decipher = createDecipheriv(CIPHER, key, nonceOf(bytes), LENGTHS);
  decipher.setAAD(headerOf(bytes)).setAuthTag(tag);
  await bySlices(encrypted, (slice, at) => plain.set(decipher.update(slice), at));
  if (!finishes(decipher))
    throw new LeewardError("KeyWrong", `${placeOf(header)} was not encrypted with this key`);
}

function finishes(decipher: Decipher): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}
