import { afterAll, beforeAll, expect, test } from "vitest";
import { injectCoreApi } from "../../local/functions-host/core-api.ts";
import type { Stage } from "./stage.ts";
import type { KindName, Story, Undisturbed } from "./table.ts";

injectCoreApi();
process.env["LEEWARD_POINT_SCHEDULE"] ??= "0 0 0 1 1 *";
const { openStage } = await import("./stage.ts");
const { KINDS, casesOf, disturbed, leftOver, undisturbed } = await import("./table.ts");

/** One of so many cases is run, always the same ones; `npm run faults` runs all, and `SEED` takes others. */
const SHARE = Number(process.env["LEEWARD_FAULTS"] ?? 8);
/** Milliseconds for all cases of a kind, beside whatever else is at work. */
const LONGEST = 3_600_000;
const seed = Number(process.env["SEED"] ?? 2);

const total = (told: Undisturbed): number =>
  Object.keys(KINDS)
    .filter(isKind)
    .reduce((sum, kind) => sum + casesOf(told, kind).length, 0);

const isKind = (name: string): name is KindName => Object.hasOwn(KINDS, name);

/**
 * One test for each way in which a call can go wrong, over all calls of the story.
 * @param mebibytes of each disk
 * @param sparse where not all are run, one of so many of those: of a long story that says most things again and again
 */
export function tableOf(name: string, mebibytes: number, story: Story, sparse = 1): void {
  const share = SHARE === 1 ? 1 : SHARE * sparse;
  let stage: Stage;
  let told: Undisturbed;
  let count = 0;

  beforeAll(async () => {
    stage = await openStage(mebibytes);
    told = await undisturbed(stage, story);
  });
  afterAll(async () => {
    console.log(`${name}: ${told.calls.length} calls, ${count} of ${total(told)} cases (SEED=${seed})`);
    await stage.close();
  });

  test.runIf(story.leaves)("nothing of ours is left in the end, and nothing of others is gone", () => {
    expect(leftOver(story, told)).toEqual([]);
  });

  test.each(Object.keys(KINDS).filter(isKind))(
    "each call: %s",
    async (kind) => {
      const cases = casesOf(told, kind).filter((_, at) => (at + seed) % share === 0);
      const wrong: string[] = [];
      for (const each of cases) {
        const lines = await disturbed(stage, story, told, each);
        if (lines.length > 0)
          wrong.push(`${each.call.name} (${each.call.nth}): ${kind}\n  ${lines.join("\n  ")}`);
      }
      count += cases.length;
      expect(wrong.join("\n")).toBe("");
    },
    LONGEST,
  );
}
