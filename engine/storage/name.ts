/**
 * Object and page-blob names: segments of `A-Z a-z 0-9 . _ -` joined by `/`, at most 1,000 characters, no segment of
 * dots only, none ending in a dot. Narrower than Azure's rule, so that every store sorts names alike, no store or URL
 * escapes them, and a name is a safe path.
 */
const NAME = /^(?=.{1,1000}$)[A-Za-z0-9._-]*[A-Za-z0-9_-](?:\/[A-Za-z0-9._-]*[A-Za-z0-9_-])*$/;

/** Whether the name keeps the rules above. */
export const isName = (name: string): boolean => NAME.test(name);

/** @throws RangeError when the name breaks the rules above. */
export function checkName(name: string): void {
  if (!isName(name)) throw new RangeError(`not an object name: ${JSON.stringify(name.slice(0, 200))}`);
}

/** What Table storage takes without escapes, and what no proxy or emulator rewrites. */
const PLAIN = /^[A-Za-z0-9._-]+$/;
/** Table storage takes 1 KiB of UTF-16 per key. */
const MAX_KEY = 512;

/**
 * A record's kind or key as Table storage takes it: every other byte of its UTF-8 becomes `~` and two hex digits.
 * @throws RangeError when it is empty, not well-formed or longer than 512 characters so written.
 */
export function escapeKey(key: string): string {
  const written = PLAIN.test(key) ? key : [...Buffer.from(key)].map(escapeByte).join("");
  if (written === "" || written.length > MAX_KEY || !key.isWellFormed())
    throw new RangeError(`not a record key: ${JSON.stringify(key.slice(0, 200))}`);
  return written;
}

function escapeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return PLAIN.test(char) ? char : `~${byte.toString(16).padStart(2, "0")}`;
}

/** The inverse of `escapeKey`. */
export function unescapeKey(written: string): string {
  return decodeURIComponent(written.replaceAll("~", "%"));
}

/** Compares keys by the bytes of their UTF-8. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
