import { expect, test } from "vitest";
import type { Mutation } from "./mutations.ts";
import { simulate } from "./simulation.ts";

const MOST_SEEDS = 200;
/** A minute at most where nothing else is at work; this yields to all that is. */
const TIMEOUT = 1_800_000;

/** Registers a test for each: seeds are lived until one notices it. */
export function proveCaught(mutations: Readonly<Record<string, Mutation>>): void {
  test.each(Object.entries(mutations))("%s is caught", { timeout: TIMEOUT }, async (name, { caught }) => {
    const seen: string[] = [];
    for (let seed = 1; seed <= MOST_SEEDS && !caught.test(seen.at(-1) ?? ""); seed++) {
      const { failure } = await simulate(seed, undefined, name);
      if (failure) seen.push(failure.message);
    }
    expect(seen.at(-1), `${MOST_SEEDS} seeds did not notice ${name}`).toMatch(caught);
  });
}
