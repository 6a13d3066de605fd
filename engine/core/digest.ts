import { hash } from "node:crypto";

declare const digest: unique symbol;
/** A SHA-256 as 64 lower-case hex digits. */
export type Digest = string & { readonly [digest]: true };

/** Stands for "nothing before": the chain of the first segment of a generation that began with empty disks. */
export const NO_DIGEST = "0".repeat(64) as Digest;
export const DIGEST_BYTES = 32;

/** @throws RangeError when the text is not 64 lower-case hex digits. */
export function digestOf(text: string): Digest {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new RangeError(`not a SHA-256: ${JSON.stringify(text.slice(0, 80))}`);
  return text as Digest;
}

export const sha256 = (data: Uint8Array): Digest => hash("sha256", data, "hex") as Digest;
