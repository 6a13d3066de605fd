/** The most that a record holds, as UTF-8: what fits two string properties of Table storage and stays a small message. */
const MAX_DOCUMENT = 60_000;
/** Table storage takes 32 Ki characters per string property. */
const CHUNK = 32_000;

/** @throws RangeError when the value is no JSON or its text is over 60,000 bytes. */
export function encodeDocument(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new RangeError("not a JSON document");
  const size = Buffer.byteLength(text);
  if (size > MAX_DOCUMENT)
    throw new RangeError(`a record of ${size} bytes is over the limit of ${MAX_DOCUMENT}`);
  return text;
}

/** Pieces that each fit one string property; no character outside the basic plane is cut in two. */
export function chunksOf(text: string): string[] {
  const chunks: string[] = [];
  for (let from = 0; from < text.length; from += chunks.at(-1)?.length ?? 0) {
    const piece = text.slice(from, from + CHUNK);
    chunks.push(piece.isWellFormed() ? piece : piece.slice(0, -1));
  }
  return chunks;
}
