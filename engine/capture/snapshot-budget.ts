import { type Micros, type Millis, millis } from "../core/units.ts";

/** Azure's limits of incremental snapshots, as published: of one disk within a time, of one disk alive, of one family open. */
export const SNAPSHOT_LIMITS = {
  inWindow: 7,
  window: millis(5 * 60_000),
  alive: 500,
  open: 5,
} as const;

/** Of those in the window these are left to others who make snapshots of the same disk, as a backup does. */
const OTHERS = 2;

/** However often somebody asks. */
export const LEAST_INTERVAL = millis(60_000);

/** Those that still count at this time, ascending. */
export const recentOf = (taken: readonly Micros[], now: Micros): Micros[] =>
  taken.filter((at) => at > now - SNAPSHOT_LIMITS.window * 1000).toSorted((a, b) => a - b);

/**
 * How long to wait before one more image may be asked for.
 * @param taken when images were asked for, those that failed as well
 */
export function waitForBudget(taken: readonly Micros[], now: Micros): Millis {
  const recent = recentOf(taken, now);
  const most = SNAPSHOT_LIMITS.inWindow - OTHERS;
  const oldest = recent.length < most ? undefined : recent.at(-most);
  const window = oldest === undefined ? 0 : oldest + SNAPSHOT_LIMITS.window * 1000 - now;
  const last = recent.at(-1);
  const apart = last === undefined ? 0 : last + LEAST_INTERVAL * 1000 - now;
  return millis(Math.ceil(Math.max(window, apart, 0) / 1000));
}

/**
 * How long to wait before the next image is due.
 * @param asked somebody waits for one, so that the policy's interval does not count
 */
export function waitForImage(
  taken: readonly Micros[],
  now: Micros,
  { interval, asked }: { readonly interval: Millis; readonly asked: boolean },
): Millis {
  const budget = waitForBudget(taken, now);
  const last = Math.max(0, ...taken);
  const due = asked || last === 0 ? 0 : Math.ceil(last / 1000 + interval - now / 1000);
  return millis(Math.max(budget, due));
}
