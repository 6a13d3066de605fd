import { createHash } from "node:crypto";
import { type Millis, millis } from "./units.ts";

/** The waits after failures that may pass by themselves, for work that nobody waits for. The last one repeats. */
export const LADDER: readonly Millis[] = [1, 2, 4, 8, 10, 30].map((minutes) => millis(minutes * 60_000));

/** For one small request on which much depends: from a second to half a minute. */
export const SOON: readonly Millis[] = [1, 2, 4, 8, 16, 30].map((seconds) => millis(seconds * 1000));

/**
 * The wait on a rung, up to a fifth longer, so that machines that failed together do not come back together. The same
 * name waits the same: a run on a virtual clock can be repeated.
 * @param failures before this one, in a row
 * @param asked what the other side asked for (`Retry-After`), which is never undercut
 */
export function waitAfter(
  ladder: readonly Millis[],
  failures: number,
  name: string,
  asked: Millis = millis(0),
): Millis {
  const rung = ladder[Math.min(failures, ladder.length - 1)] ?? 0;
  const spread = createHash("sha256").update(`${name} ${failures}`).digest().readUInt16BE() / 65_536;
  return millis(Math.round(Math.max(rung, asked) * (1 + spread / 5)));
}

/** Longer than that nobody means it. */
const MOST_ASKED_MS = 24 * 3_600_000;

/**
 * What a `Retry-After` header asks for: seconds, or a date (RFC 9110, 10.2.3). Undefined when there is none, or one that
 * makes no sense.
 * @param now milliseconds since 1970
 */
export function retryAfterIn(header: string | null | undefined, now: number): Millis | undefined {
  if (!header) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(header.trim());
  const date = header.endsWith("GMT") ? Date.parse(header) : Number.NaN;
  const wait = seconds ? Number(header) * 1000 : date - now;
  return Number.isFinite(wait) ? millis(Math.min(Math.max(Math.ceil(wait), 0), MOST_ASKED_MS)) : undefined;
}
