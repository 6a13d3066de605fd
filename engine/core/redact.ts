/** A name begins behind anything but a letter or a digit, or behind an encoded `&` or `?`. */
const BEGINS = String.raw`(?<=^|[^A-Za-z0-9]|%(?:25){0,2}(?:26|3F))`;
/** Between a name and its value: `=`, `: ` or `":"`, as they are, escaped in a string of JSON, or encoded in a URL (even twice). */
const IS = String.raw`\\*["']?\s*(?:[=:]|%(?:25){0,2}3D)\s*\\*["']?`;
/** A value ends where a URL, a list, a string or a tag does. */
const VALUE = String.raw`[^&\s"',;<>\\]+`;

/** Nothing but a secret has these names, whatever stands between them and it. */
const NAMES =
  "sig|signature|AccountKey|SharedAccessKey|x-identity-header|identity_header|access_token|refresh_token|id_token|client_secret|client_assertion";

const SECRETS: readonly [RegExp, string][] = [
  [new RegExp(String.raw`${BEGINS}(${NAMES})(${IS})${VALUE}`, "gi"), "$1$2***"],
  // Words of ordinary sentences too, so only where they are a parameter or a field.
  [new RegExp(String.raw`([?&](?:code|key|password)=)${VALUE}`, "gi"), "$1***"],
  [new RegExp(String.raw`\b(password|secret|passphrase)(\\*["']\s*:\s*\\*["']|=)${VALUE}`, "gi"), "$1$2***"],
  // A user delegation key.
  [/(<Value>)[^<]+/g, "$1***"],
  [/\b(Bearer|SharedKey|SharedKeyLite|Basic)\s+(?=\S*[\d=:])[\w.~+/=:-]{8,}/gi, "$1 ***"],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "***"],
  [/(https?:\/\/)[^/\s:@]+:[^/\s@]+@/gi, "$1***@"],
];

/** The text without SAS signatures, tokens, keys and passwords, for messages. Doing it again changes nothing. */
export const redact = (text: string): string =>
  SECRETS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);

/** True when a URL grants something to whoever holds it. */
export const carriesSecret = (url: URL): boolean =>
  ["sig", "access_token", "code", "key"].some((name) => url.searchParams.has(name)) || url.password !== "";

/** Deeper than that nobody looks. */
const DEEPEST = 8;

/**
 * A copy of whatever was thrown that may be printed as a whole: name, message and stack of it, of its causes and of all that it
 * gathers, without secrets. Anything else that it carries is left out, as a client's error carries the request with its token.
 */
export function redactedError(thrown: unknown, depth = 0): Error {
  if (!(thrown instanceof Error)) return new Error(redact(String(thrown)));
  const copy = new Error(redact(thrown.message));
  copy.name = thrown.name;
  copy.stack = redact(thrown.stack ?? "");
  if (depth === DEEPEST) return copy;
  const nested = (each: unknown) => redactedError(each, depth + 1);
  if (thrown.cause !== undefined) copy.cause = nested(thrown.cause);
  return thrown instanceof AggregateError ? Object.assign(copy, { errors: thrown.errors.map(nested) }) : copy;
}
