/** Beyond this Azure's backend moves a payload to a blob, and every replay of a history reads it back. UTF-16 units. */
const LARGE = 60 * 1024;

/** A large payload passes, with a warning that names it. */
export function warnOfLarge(what: string, text: string | null, warn: (message: string) => void): void {
  if (text !== null && text.length > LARGE)
    warn(`the ${what} has ${text.length} characters: keep histories small`);
}
