import type { Loss } from "../journal/manifest.ts";
import { type Bytes, type Generation, type Micros, type Sequence, bytes } from "../core/units.ts";

/** A write of a generation with the guest bytes up to it, as in `Mark` of the agent's API and in `JournalPosition`. */
export interface Reached {
  readonly generation: Generation;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly bytes: Bytes;
}

/** The agent's last word. */
export interface Reported {
  /** When the agent said so, by its own clock. */
  readonly at: Micros;
  readonly captured: Reached;
  readonly cached: Reached;
  /** What was written since then and is not in the journal: writes are merged while the cache takes too little. */
  readonly unrecorded?: { readonly since: Micros; readonly bytes: Bytes; readonly writes: number };
}

export interface Losses {
  readonly vm: Loss;
  readonly region: Loss;
}

/**
 * VM loss: everything newer than what the cache holds. Region loss: everything newer than what the target region holds.
 * Writes and bytes are exact as of the last report. Where nothing is missing, only the time since that report is at
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
  const recorded = Math.max(captured.sequence - kept.sequence, 0);
  const all = unrecorded?.since ?? Math.max(reported.at, kept.time);
  const safeUntil = recorded === 0 ? all : kept.time;
  return {
    seconds: Math.max(now - safeUntil, 0) / 1e6,
    bytes: bytes((recorded === 0 ? 0 : Math.max(captured.bytes - kept.bytes, 0)) + (unrecorded?.bytes ?? 0)),
    writes: recorded + (unrecorded?.writes ?? 0),
  };
}

const newer = (a: Reached, b: Reached): Reached =>
  a.generation > b.generation || (a.generation === b.generation && a.sequence >= b.sequence) ? a : b;
