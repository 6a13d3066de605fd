import { type Bytes, type Micros, micros } from "../core/units.ts";
import { blockCount } from "../journal/digest-tree.ts";

/** How far the rotation over all blocks is. Blocks are counted through all disks, in index order. */
export interface Scrub {
  /** The first block that this round has not read. */
  readonly next: number;
  /** When the round began. */
  readonly since: Micros;
  /** When a round last ended: everything was read since the round before it began. */
  readonly wholeAt?: Micros | undefined;
}

export interface ScrubWindow {
  readonly start: number;
  readonly end: number;
}

export const totalBlocks = (disks: readonly { readonly size: Bytes }[]): number =>
  disks.reduce((sum, { size }) => sum + blockCount(size), 0);

/** A window costs a walk through the whole journal, however small it is: a round has at most so many. */
const WINDOWS = 32;
const DAY = 24 * 3600 * 1e6;

/**
 * What is to be read now so that a round takes no longer than `days`; empty while nothing is due. A round that is late
 * catches up in one window.
 */
export function scrubWindow(now: Micros, days: number, scrub: Scrub, total: number): ScrubWindow {
  const passed = Math.min(Math.max((now - scrub.since) / (days * DAY), 0), 1);
  const due = Math.floor(passed * WINDOWS) / WINDOWS;
  return { start: scrub.next, end: Math.max(scrub.next, Math.ceil(due * total)) };
}

/** The window was read without fault. The end of a round is the beginning of the next. */
export function scrubbed(scrub: Scrub, { end }: ScrubWindow, total: number, now: Micros): Scrub {
  if (end < total) return { ...scrub, next: Math.max(end, scrub.next) };
  return { next: 0, since: now, wholeAt: now };
}

/** The beginning of the first round. */
export const newScrub = (now: Micros): Scrub => ({ next: 0, since: micros(now) });
