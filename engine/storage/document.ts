/** The most that a record holds: what fits two string properties of Table storage and stays a small message. */
const MAX_DOCUMENT = 60_000;
/** Table storage takes 32 Ki characters per string property. */
const CHUNK = 32_000;

/**
 * JSON in ASCII. Azurite decodes a table request piece by piece and ruins the characters that lie across a seam, so
 * every other character is escaped.
 * @throws RangeError when the value is no JSON or its text is over 60,000 characters.
 */
export function encodeDocument(value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new RangeError("not a JSON document");
  const text = json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  if (text.length > MAX_DOCUMENT)
    throw new RangeError(`a record of ${text.length} bytes is over the limit of ${MAX_DOCUMENT}`);
  return text;
}

/** Pieces that each fit one string property: at most two. */
export const chunksOf = (text: string): string[] => [text.slice(0, CHUNK), text.slice(CHUNK)];
