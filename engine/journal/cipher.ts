import { type Cipher, type Decipher, createCipheriv, createDecipheriv } from "node:crypto";
import { LeewardError } from "../core/errors.ts";
import { KIB } from "../core/units.ts";
import { getBytes, getNumber } from "./field.ts";
import { HEADER, HEADER_BYTES } from "./header.ts";
import type { DataKey } from "./key.ts";
import { TRAILER, TRAILER_BYTES } from "./segment.ts";

const CIPHER = "aes-256-gcm";
const LENGTHS = { authTagLength: TRAILER.tag.size };

/** The header says how long it is; the nonce is as far from its end in segments as in layers. */
const headerOf = (sealed: Buffer): Buffer => sealed.subarray(0, getNumber(sealed, 0, HEADER.headerLength));
const nonceOf = (header: Buffer): Buffer => getBytes(header, header.length - HEADER_BYTES, HEADER.nonce);

/** Fills body and tag, behind a header that is written already and authenticated along with the body. */
export function encryptInto(sealed: Buffer, stored: Buffer, key: DataKey): void {
  const header = headerOf(sealed);
  const cipher = createCipheriv(CIPHER, key, nonceOf(header), LENGTHS).setAAD(header);
  throughCache(cipher, stored, sealed, header.length);
  cipher.final();
  sealed.set(cipher.getAuthTag(), sealed.length - TRAILER_BYTES + TRAILER.tag.at);
}

/**
 * @param sealed whose structure was checked
 * @param place what it is, for the message
 * @throws KeyWrong: the bytes are what was stored, so it is the key that does not fit, or a forger wrote them.
 */
export function decryptInto(plain: Buffer, sealed: Buffer, key: DataKey, place: string): void {
  const header = headerOf(sealed);
  const encrypted = sealed.subarray(header.length, sealed.length - TRAILER_BYTES);
  const tag = getBytes(sealed, sealed.length - TRAILER_BYTES, TRAILER.tag);
  const decipher = createDecipheriv(CIPHER, key, nonceOf(header), LENGTHS);
  decipher.setAAD(header).setAuthTag(tag);
  throughCache(decipher, encrypted, plain, 0);
  if (!finishes(decipher)) throw new LeewardError("KeyWrong", `${place} was not encrypted with this key`);
}

/** What one call gives lies in fresh memory, of which pieces that fit into a processor's cache cost a fifth less. */
const PIECE = 64 * KIB;

function throughCache(cipher: Cipher | Decipher, from: Buffer, to: Buffer, at: number): void {
  for (let done = 0; done < from.length; done += PIECE)
    to.set(cipher.update(from.subarray(done, done + PIECE)), at + done);
}

function finishes(decipher: Decipher): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}
