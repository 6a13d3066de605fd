import { sha256 } from "../core/digest.ts";

/*
 * A manifest is a JSON document that ends in the digest of all before it.
 */

/** @param content with its keys in the schema's order: equal contents give equal bytes */
export function encodeDigested(content: object): Buffer {
  const digest = sha256(Buffer.from(JSON.stringify(content)));
  return Buffer.from(`${JSON.stringify({ ...content, digest }, undefined, 2)}\n`);
}
