import type { Copies } from "../core/copies.ts";
import type { Loss } from "../journal/manifest.ts";
import type { Bytes, Generation, Micros, Sequence } from "../core/units.ts";
import { NO_WRITES, guestBetween, madeAfter, plus } from "./guest-writes.ts";
import type { ProgressRecord } from "./progress.ts";

/** A write of a generation with the bytes up to it, as in `Mark` of the agent's API and in `JournalPosition`. */
export interface Reached {
  readonly generation: Generation;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly bytes: Bytes;
  /** What of the writes and bytes up to it comparisons had copied; absent when nothing. */
  readonly copied?: Copies | undefined;
}

/** The agent's last word. */
export interface Reported {
  /** When the agent said so, by its own clock. */
  readonly at: Micros;
  readonly captured: Reached;
  readonly cached: Reached;
  /** It has whole images alone: what the guest wrote since `at` is not known, and no part of an image is of use. */
  readonly images?: true | undefined;
  /** What was written since then and is not in the journal: writes are merged while the cache takes too little. */
  readonly unrecorded?: { readonly since: Micros; readonly bytes: Bytes; readonly writes: number };
}

export interface Losses {
  readonly vm: Loss;
  readonly region: Loss;
}

/**
 * VM loss: everything newer than what the cache holds. Region loss: everything newer than what the target region holds.
 * Writes and bytes are the guest's, without copies of a comparison, and exact as of the last report. Where nothing is missing, only the time since that report is at
 * stake: an idle machine loses no writes. Undefined while nothing of the generation was reported or has arrived: there is no loss to
 * count, everything would be lost.
 */
export function losses(now: Micros, reported: Reported | undefined, arrived: Reached): Losses | undefined {
  if (reported?.captured.generation !== arrived.generation || arrived.time === 0) return undefined;
  // What has arrived was in the cache before, even if the report is older than that.
  const cached = newer(arrived, reported.cached);
  return { vm: lossSince(now, reported, cached), region: lossSince(now, reported, arrived) };
}

/** What is lost when everything after `kept` is gone. */
function lossSince(now: Micros, reported: Reported, kept: Reached): Loss {
  const { captured, unrecorded } = reported;
  const recorded = guestBetween(kept, captured);
  const all = unrecorded?.since ?? Math.max(reported.at, kept.time);
  const safeUntil = recorded.writes === 0 ? all : kept.time;
  return { seconds: secondsBetween(safeUntil, now), ...plus(recorded, unrecorded) };
}

/**
 * Both losses as they stand. While a generation has no point of its own its disks are being copied or compared, and nothing of it can be used: then
 * both count from the newest point that there is, whatever is in the cache or has arrived since. Undefined before the first.
 */
export function liveLosses(
  now: Micros,
  progress: ProgressRecord,
  reported: Reported | undefined,
): Losses | undefined {
  const { point, arrived } = progress;
  if (!point) return undefined;
  if (point.generation === arrived.generation) {
    const found = losses(now, reported, arrived);
    return reported?.images ? withImages(now, found, reported.at, point.time) : found;
  }
  const kept = { ...point, bytes: point.bytes ?? NO_WRITES.bytes };
  const loss = { seconds: secondsBetween(point.time, now), ...madeAfter(kept, progress, reported) };
  return { vm: loss, region: loss };
}

/** Each image is a point: before it everything is there, behind it nothing. */
const withImages = (
  now: Micros,
  found: Losses | undefined,
  cached: Micros,
  arrived: Micros,
): Losses | undefined =>
  found && {
    vm: { ...found.vm, seconds: secondsBetween(Math.max(cached, arrived), now) },
    region: { ...found.region, seconds: secondsBetween(arrived, now) },
  };

const secondsBetween = (from: number, to: Micros): number => Math.max(to - from, 0) / 1e6;

const newer = (a: Reached, b: Reached): Reached =>
  a.generation > b.generation || (a.generation === b.generation && a.sequence >= b.sequence) ? a : b;
