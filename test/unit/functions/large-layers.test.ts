import { expect, test } from "vitest";
import { bytes, micros } from "../../../engine/core/units.ts";
import { compactFor } from "../../../functions/activities/compaction.ts";
import { retentionOf } from "../../../functions/retention-view.ts";
import { POLICY } from "../../fixtures/lived.ts";
import { MINUTE, Retaining, START, round, tellEvents } from "../../fixtures/retaining.ts";
import { TINY } from "../../fixtures/sliced.ts";
import { protectedItem } from "../engine/recovery/fixture.ts";

const { machine } = protectedItem();
/** The first base is larger, each layer behind it smaller. */
const LIMITS = { ...TINY, oneGo: bytes(9000), chunk: bytes(40_000), save: bytes(40_000) };

const told = tellEvents([
  { kind: "write", disk: 0, sector: 0, sectors: 200, fill: 3 },
  ...Array.from({ length: 6 }, (_, n) => round(n)).flat(),
]);

/** Six points that have arrived, of which layers are to be built, and an app in which a turn is one piece long. */
async function scene() {
  const one = await Retaining.with({ ...POLICY, anyWriteWindow: 0 });
  for (let n = 0; n < 6; n++) {
    one.now = micros(START + n * 2 * MINUTE);
    await one.arrive(await told, n);
  }
  const services = one.services();
  let now = one.now;
  const clock = { ...services.clock, now: () => (now = micros(now + 2 * MINUTE)) };
  return { one, services: { ...services, clock } };
}

test("a large layer is built over several turns, its figure says how far it is, and then small ones follow", async () => {
  const { one, services } = await scene();
  const seen: unknown[] = [];
  let turns = 0;
  while ((await compactFor(services, machine, LIMITS)) === "more") {
    expect(++turns).toBeLessThan(200);
    seen.push(retentionOf(await one.record())?.building?.stage);
  }
  expect(turns).toBeGreaterThan(3);
  expect(seen).toContain("sorting");
  expect(seen).toContain("merging");
  const record = await one.record();
  expect(record?.building).toBeUndefined();
  expect(record?.merged.layers).toBeGreaterThan(2);
  expect(await one.names("/works/")).toEqual([]);
  expect(await one.broken()).toEqual([]);
});
