import { type Micros, micros } from "../engine/core/units.ts";

/** The control plane's clock as one question and its answer showed it. */
interface Sample {
  /** When the answer was here, by the own clock. */
  readonly at: Micros;
  /** The control plane's clock minus the own one lay in here. */
  readonly least: number;
  readonly most: number;
}

/** What is known of the control plane's clock at a moment; both in microseconds. */
interface ClockOffset {
  /** To be added to the own clock. */
  readonly offset: number;
  /** The true one is no farther away than this. */
  readonly error: number;
}

const KEPT = 32;
/** The own clock may run so much too fast or too slow. */
const DRIFT = 200e-6;

/**
 * Compares the own clock with the control plane's, as NTP does, by the time stamps of heartbeats. No assumption on the
 * network but one: an answer comes after its question. The own clock must not step, as `systemClock` does not.
 */
export class ControlClock {
  #samples: readonly Sample[] = [];

  /** @param said the control plane's clock between the two others, which are the own one's */
  note(asked: Micros, said: Micros, heard: Micros): void {
    const sample = { at: heard, least: said - heard, most: said - asked };
    this.#samples = [...this.#samples, sample].slice(-KEPT);
  }

  /** Undefined before the first answer, and when the samples contradict each other: a clock was set. */
  reading(now: Micros): ClockOffset | undefined {
    let [least, most] = [-Infinity, Infinity];
    for (const sample of this.#samples) {
      const drift = Math.abs(now - sample.at) * DRIFT;
      least = Math.max(least, sample.least - drift);
      most = Math.min(most, sample.most + drift);
    }
    if (least > most) {
      // What came last is right in the end.
      this.#samples = this.#samples.slice(-1);
      return undefined;
    }
    return most === Infinity ? undefined : { offset: (least + most) / 2, error: (most - least) / 2 };
  }

  /** When the own clock will show what the control plane's calls `time`. */
  own(time: Micros, { offset }: ClockOffset): Micros {
    return micros(Math.max(Math.round(time - offset), 0));
  }
}
