/** Table storage takes 32 Ki characters per string property, and 1 MiB per entity, in which each character counts twice. */
const CHUNK = 32_000;
/** The most string properties that a record is spread over. Few records need a second one. */
export const PIECES = 15;
const MAX_DOCUMENT = PIECES * CHUNK;

/**
 * JSON in ASCII. Azurite decodes a table request piece by piece and ruins the characters that lie across a seam, so
 * every other character is escaped.
 * @throws RangeError when the value is no JSON or its text is over 480,000 characters.
 */
export function encodeDocument(value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new RangeError("not a JSON document");
  const text = json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  if (text.length > MAX_DOCUMENT)
    throw new RangeError(`a record of ${text.length} bytes is over the limit of ${MAX_DOCUMENT}`);
  return text;
}

/** Pieces that each fit one string property: two, or as many as it takes. */
export function chunksOf(text: string): string[] {
  const count = Math.max(2, Math.ceil(text.length / CHUNK));
  return Array.from({ length: count }, (_, n) => text.slice(n * CHUNK, (n + 1) * CHUNK));
}
