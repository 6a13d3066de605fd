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
  const { captured } = reported;
  const writes = Math.max(captured.sequence - kept.sequence, 0);
  const safeUntil = writes === 0 ? Math.max(reported.at, kept.time) : kept.time;
  return {
    seconds: Math.max(now - safeUntil, 0) / 1e6,
    bytes: bytes(writes === 0 ? 0 : Math.max(captured.bytes - kept.bytes, 0)),
    writes,
  };
}

const newer = (a: Reached, b: Reached): Reached =>
  a.generation > b.generation || (a.generation === b.generation && a.sequence >= b.sequence) ? a : b;
