import type { Micros, Millis } from "../engine/core/units.ts";
import type { ControlClock } from "./control-clock.ts";

/** When the barrier of a group is to be set: `at` by the control plane's clock. */
export interface Instant {
  readonly at: Micros;
  /** For so long after it no write behind the barrier is acknowledged. */
  readonly hold: Millis;
}

/** The instant on the own clock. */
export interface OwnInstant {
  readonly due: Micros;
  /** Acknowledgements may go out from here on. */
  readonly until: Micros;
  /** Why a barrier set now could not be trusted; undefined when it could. */
  readonly why: string | undefined;
}

/**
 * Half of `hold` is for a member that is late with its barrier, the rest for what the members' clocks may be apart:
 * a quarter for each of two. `docs/consistency.md` has the proof that this is enough.
 */
export function ownInstant({ at, hold }: Instant, clock: ControlClock, now: Micros): OwnInstant {
  const reading = clock.reading(now);
  if (!reading) return { due: now, until: now, why: "the control plane's clock is not known" };
  const due = clock.own(at, reading);
  const micros = hold * 1000;
  const until = clock.own(at, { ...reading, offset: reading.offset - micros });
  return { due, until, why: doubt(due, micros, reading.error, now) };
}

function doubt(due: number, hold: number, error: number, now: number): string | undefined {
  if (error > hold / 4)
    return `the control plane's clock is known to ${inMillis(error)} ms, and ${inMillis(hold / 4)} ms are wanted`;
  if (now > due + hold / 2)
    return `it was ${inMillis(now - due)} ms late, and ${inMillis(hold / 2)} ms are allowed`;
  return undefined;
}

const inMillis = (time: number): string => (time / 1000).toFixed(1);
