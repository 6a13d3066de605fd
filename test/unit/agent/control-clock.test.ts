import fc from "fast-check";
import { expect, test } from "vitest";
import { ControlClock } from "../../../agent/control-clock.ts";
import { micros } from "../../../engine/core/units.ts";

const START = 1_900_000_000_000_000;

test("the control plane's clock is where it is said to be, however the network behaves", () => {
  const delay = fc.integer({ min: 0, max: 500_000 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(delay, delay, fc.integer({ min: 1, max: 10_000_000 })), {
        minLength: 1,
        maxLength: 60,
      }),
      fc.integer({ min: -3_600_000_000, max: 3_600_000_000 }),
      (beats, offset) => {
        const clock = new ControlClock();
        let time = START;
        for (const [out, back, pause] of beats) {
          clock.note(micros(time), micros(time + out + offset), micros(time + out + back));
          time += out + back + pause;
        }
        const reading = clock.reading(micros(time));
        expect(reading).toBeDefined();
        expect(Math.abs((reading?.offset ?? 0) - offset)).toBeLessThanOrEqual((reading?.error ?? 0) + 0.5);
        const best = Math.min(...beats.slice(-32).map(([out, back]) => out + back));
        // Half of the quickest question and answer, and what the own clock may have drifted since.
        expect(reading?.error).toBeLessThanOrEqual(best / 2 + (time - START) * 200e-6 + 1);
      },
    ),
  );
});

test("nothing is known before the first answer, nor while a clock that was set contradicts what was known", () => {
  const clock = new ControlClock();
  expect(clock.reading(micros(START))).toBeUndefined();
  clock.note(micros(START), micros(START + 10), micros(START + 20));
  clock.note(micros(START + 100), micros(START + 5_000_000), micros(START + 120));
  expect(clock.reading(micros(START + 200))).toBeUndefined();
  expect(clock.reading(micros(START + 200))?.offset).toBeCloseTo(4_999_890, -1);
});
