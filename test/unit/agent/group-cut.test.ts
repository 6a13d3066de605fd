import fc from "fast-check";
import { expect, test } from "vitest";
import { ControlClock } from "../../../agent/control-clock.ts";
import { type Instant, type OwnInstant, ownInstant } from "../../../agent/group-instant.ts";
import { type Micros, micros, millis } from "../../../engine/core/units.ts";
import { seededRandom } from "../../../local/machine/seeded-random.ts";

/*
 * Machines with clocks of their own, on a virtual true time, send each other messages that follow from acknowledged
 * writes, and set one barrier at one instant of the control plane's clock. What decides about it is the agent's own
 * code. A cut is consistent when it holds no write without the write that caused it.
 */

const START = 1_900_000_000_000_000;
const AT = START + 60_000_000;
const HOLD = 100;

interface Machine {
  readonly clock: ControlClock;
  /** The own clock at a true time, and back. */
  readonly own: (time: number) => Micros;
  readonly truly: (own: number) => number;
  /** True time of its barrier. */
  set: number;
  instant: OwnInstant;
}

interface World {
  readonly random: () => number;
  readonly between: (least: number, most: number) => number;
  readonly machines: readonly Machine[];
}

/** How far clocks may be off, in microseconds; how long a message to the control plane takes; how late a timer may be. */
interface Weather {
  readonly off: number;
  readonly network: number;
  readonly late: number;
}

const MILD: Weather = { off: 3_600_000_000, network: 12_000, late: 45_000 };
const HARSH: Weather = { off: 3_600_000_000, network: 60_000, late: 90_000 };

function worldOf(seed: number, weather: Weather): World {
  const random = seededRandom(seed);
  const between = (least: number, most: number) => least + random() * (most - least);
  const machines = Array.from({ length: 2 + Math.floor(random() * 4) }, () => machineIn(between, weather));
  return { random, between, machines };
}

function machineIn(between: World["between"], { off, network, late }: Weather): Machine {
  const offset = between(-off, off);
  const drift = 1 + between(-100e-6, 100e-6);
  const own = (time: number) =>
    micros(Math.round(START + 2 * 3_600_000_000 + offset + (time - START) * drift));
  const truly = (at: number) => START + (at - START - 2 * 3_600_000_000 - offset) / drift;
  const clock = new ControlClock();
  for (let time = START; time < AT - 1_000_000; time += between(1_000_000, 4_000_000)) {
    const said = time + between(500, network);
    clock.note(own(time), micros(Math.round(said)), own(said + between(500, network)));
  }
  const instant: Instant = { at: micros(AT), hold: millis(HOLD) };
  const { due } = ownInstant(instant, clock, own(AT - 500_000));
  const set = truly(due) + between(0, late);
  return { clock, own, truly, set, instant: ownInstant(instant, clock, own(set)) };
}

interface Write {
  readonly on: Machine;
  readonly time: number;
  readonly cause: Write | undefined;
}

/** When the guest hears that the write is done. */
function acknowledged({ on, time }: Write, holds: boolean): number {
  const behind = time > on.set;
  return holds && behind ? Math.max(time, on.truly(on.instant.until)) : time;
}

/** A chain of writes, each caused by the acknowledgement of the one before, somewhere else. */
function chainIn({ machines, random, between }: World, holds: boolean): Write[] {
  const any = () => machines[Math.floor(random() * machines.length)] ?? machines[0];
  const chain: Write[] = [];
  let time = between(AT - 200_000, AT + 200_000);
  for (let n = 0; n < 12; n++) {
    const on = any();
    if (!on) break;
    const write: Write = { on, time, cause: chain.at(-1) };
    chain.push(write);
    time = acknowledged(write, holds) + between(0, 3000);
  }
  return chain;
}

const inCut = ({ on, time }: Write): boolean => time <= on.set;
const trusted = ({ machines }: World): boolean => machines.every(({ instant }) => instant.why === undefined);
const torn = (chain: readonly Write[]): boolean =>
  chain.some((write) => inCut(write) && write.cause !== undefined && !inCut(write.cause));

const tornChains = (seed: number, weather: Weather, holds: boolean): number => {
  const world = worldOf(seed, weather);
  if (!trusted(world)) return 0;
  return Array.from({ length: 40 }, () => chainIn(world, holds)).filter(torn).length;
};

test.each([
  ["mild", MILD],
  ["harsh", HARSH],
])("no cut that is trusted holds an effect without its cause, in %s weather", (_, weather) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (seed) => {
      expect(tornChains(seed, weather, true)).toBe(0);
    }),
    { numRuns: 2000 },
  );
});

test("most barriers in mild weather are trusted, and not all in harsh weather", () => {
  const share = (weather: Weather) =>
    Array.from({ length: 500 }, (_, seed) => trusted(worldOf(seed + 1, weather))).filter(Boolean).length /
    500;
  expect(share(MILD)).toBeGreaterThan(0.9);
  expect(share(HARSH)).toBeLessThan(0.9);
});

test("without a hold effects are cut off from their causes: the check would notice", () => {
  const seeds = Array.from({ length: 200 }, (_, seed) => seed + 1);
  expect(seeds.filter((seed) => tornChains(seed, MILD, false) > 0).length).toBeGreaterThan(20);
});

test("a cut that is not trusted may be torn: the agent's doubt is not idle", () => {
  const seeds = Array.from({ length: 2000 }, (_, seed) => seed + 1);
  const doubtful = seeds.filter((seed) => {
    const world = worldOf(seed, { ...HARSH, late: 300_000 });
    return !trusted(world) && Array.from({ length: 40 }, () => chainIn(world, true)).some(torn);
  });
  expect(doubtful.length).toBeGreaterThan(0);
});
