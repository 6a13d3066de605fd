import { expect, test } from "vitest";
import { proveCaught } from "./caught.ts";
import { MUTATIONS_OF_HEALING } from "./mutations-of-healing.ts";
import { MUTATIONS_OF_LIFE, MUTATIONS_OF_TURNS } from "./mutations-of-life.ts";
import { MUTATIONS } from "./mutations.ts";

/** Their own files prove these, at the same time. */
const ELSEWHERE = { ...MUTATIONS_OF_LIFE, ...MUTATIONS_OF_TURNS, ...MUTATIONS_OF_HEALING };

proveCaught(Object.fromEntries(Object.entries(MUTATIONS).filter(([name]) => !(name in ELSEWHERE))));

test("there are at least twelve", () => {
  expect(Object.keys(MUTATIONS).length).toBeGreaterThanOrEqual(12);
});
