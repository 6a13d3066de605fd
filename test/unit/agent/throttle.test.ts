import { expect, test } from "vitest";
import { Pace } from "../../../agent/pace.ts";
import { Throttle } from "../../../agent/throttle.ts";
import type { Clock } from "../../../engine/core/clock.ts";
import { MIB, bytes, micros } from "../../../engine/core/units.ts";

/** A guest that asks again as soon as it is answered, on a clock that only this test moves. */
class Guest implements Clock {
  readonly pace = new Pace(this);
  readonly throttle = new Throttle(this.pace, this, 2);
  #time = 1_000_000_000;
  #answered = 0;
  /** Microseconds that a request takes while nothing, and while something, is hashed. */
  readonly #latency: readonly [number, number];

  constructor(alone: number, beside: number) {
    this.#latency = [alone, beside];
  }

  now() {
    return micros(Math.floor(this.#time));
  }

  async sleep(duration: number): Promise<void> {
    this.#pass(duration * 1000, false);
  }

  /** One piece is hashed, which takes 2 ms. */
  async piece(): Promise<void> {
    this.throttle.begin();
    this.#pass(2000, true);
    await this.throttle.rest(bytes(MIB));
  }

  /** Of the time, from here on, that is spent hashing. */
  async share(pieces: number): Promise<number> {
    const before = this.#time;
    for (let n = 0; n < pieces; n++) await this.piece();
    return (pieces * 2000) / (this.#time - before);
  }

  #pass(duration: number, hashing: boolean): void {
    const latency = this.#latency[hashing ? 1 : 0];
    const end = this.#time + duration;
    for (; latency > 0 && Math.max(this.#answered, this.#time) + latency <= end; this.pace.noteGuest())
      this.#answered = this.#time = Math.max(this.#answered, this.#time) + latency;
    this.#time = end;
  }
}

test("a guest that does not notice leaves most of the time", async () => {
  const guest = new Guest(50, 50);
  await guest.share(3000);
  expect(guest.throttle.share).toBeGreaterThan(0.9);
});

test("a guest that notices loses less than a fifth, and the comparison goes on", async () => {
  const guest = new Guest(50, 150);
  await guest.share(3000);
  const share = await guest.share(1000);
  // In its share of the time there is a third of the requests, so the mean request takes so much longer.
  expect(1 / (1 - (share * 2) / 3)).toBeLessThan(1.2);
  expect(share).toBeGreaterThan(0.01);
});

test("without a guest there are no rests, and large pieces, several at once", async () => {
  const guest = new Guest(0, 0);
  expect(await guest.share(100)).toBeGreaterThan(0.99);
  expect(guest.throttle).toMatchObject({ gentle: false, width: 6 });
});

test("the policy's rate holds whether there is a guest or not", async () => {
  for (const guest of [new Guest(0, 0), new Guest(50, 50)]) {
    guest.throttle.limit(bytes(10 * MIB));
    const before = guest.now();
    for (let n = 0; n < 100; n++) await guest.piece();
    const rate = (100 * MIB) / ((guest.now() - before) / 1e6);
    expect(rate).toBeLessThan(10.5 * MIB);
    expect(rate).toBeGreaterThan(5 * MIB);
  }
});
