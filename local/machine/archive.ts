import { createCipheriv, hash } from "node:crypto";
import { KIB } from "../../engine/core/units.ts";

const WORDS =
  "invoice delivery order customer harbour timber copper linen account balance carriage receipt weight remark " +
  "quantity signed pallet warehouse freight clause paid pending article supplement northern southern express";

/**
 * Documents as an order office keeps them: a page of text and the scan of a signature, about half each, so that they
 * compress about two to one. The same seed and number give the same bytes.
 * @returns about 48 KiB, and never two alike.
 */
export function archivedDocument(seed: number, number: number): Buffer {
  const key = hash("sha256", `leeward archive ${seed} ${number}`, "buffer");
  const noise = createCipheriv("aes-128-ctr", key.subarray(0, 16), key.subarray(16, 32));
  const random = noise.update(Buffer.alloc(26 * KIB));
  const text = Buffer.from(page(number, random.subarray(0, 2 * KIB)));
  return Buffer.concat([text, random.subarray(2 * KIB)]);
}

const LINES = WORDS.split(" ").flatMap((a) =>
  WORDS.split(" ").map((b) => `${a} of ${b}, as agreed in writing; `),
);

function page(number: number, random: Buffer): string {
  const parts = [`Document ${number}\n`];
  for (let at = 0; at + 2 <= random.length; at += 2)
    parts.push(
      LINES[random.readUInt16LE(at) % LINES.length] ?? "",
      at % 8 === 0 ? `${random.readUInt16LE(at)}\n` : "",
    );
  return parts.join("");
}
