const SECRETS: readonly [RegExp, string][] = [
  [/\b(sig|signature|access_token|AccountKey|SharedAccessKey)(["']?\s*[=:]\s*["']?)[^&\s"',;]+/gi, "$1$2***"],
  [/\b(Bearer)\s+[\w.~+/=-]+/gi, "$1 ***"],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "***"],
];

/** The text without SAS signatures, tokens and keys, for messages. */
export const redact = (text: string): string =>
  SECRETS.reduce((clean, [pattern, replacement]) => clean.replace(pattern, replacement), text);

/** True when a URL grants something to whoever holds it. */
export const carriesSecret = (url: URL): boolean =>
  ["sig", "access_token", "code", "key"].some((name) => url.searchParams.has(name)) || url.password !== "";
