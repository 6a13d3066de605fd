import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { micros } from "../../engine/core/units.ts";
import { type Region, startRegion } from "../fixtures/region.ts";
import { failing } from "../fixtures/failing.ts";
import { STILL } from "../fixtures/lived.ts";
import { DAY, HOUR, MINUTE, Retaining, START, round, tellEvents, tellPoints } from "../fixtures/retaining.ts";

let region: Region;
beforeAll(async () => {
  region = await startRegion();
});
afterAll(() => region.stop());
vi.setConfig({ testTimeout: 400_000 });

const POLICY = {
  window: (6 * HOUR) / 1000,
  ladder: [
    { until: (10 * MINUTE) / 1000, every: 0 },
    { until: DAY / 1000, every: (10 * MINUTE) / 1000 },
  ],
  anyWriteWindow: (10 * MINUTE) / 1000,
  deleteDelay: HOUR / 1000,
};
const told = tellPoints(12);

async function machineIn(container: string): Promise<Retaining> {
  const objects = region.objects(container);
  await objects.ensureContainer();
  return Retaining.with(POLICY, objects);
}

test("two retentions at once leave every point whole, and layers in place of segments", async () => {
  const one = await machineIn("two");
  for (let n = 0; n < 12; n++) {
    one.now = micros(START + n * 5 * MINUTE);
    await one.arrive(await told, n);
    if (n % 4 === 3) await Promise.all([one.round(), one.round()]);
  }
  for (let run = 0; run < 2; run++) {
    one.now = micros(one.now + 14 * HOUR);
    await Promise.all([one.round(), one.round()]);
  }
  expect(await one.broken()).toEqual([]);
  expect((await one.points()).length).toBeLessThan(12);
  expect((await one.names("/journal/"))[0]).not.toContain("/000000000000.seg");
  const record = await one.record();
  expect(record?.problem).toBeUndefined();
  expect(record?.stock?.layers.layers).toBeGreaterThan(2);
});

test("a machine that stands still, without a window for any write, has layers and manifests alone", async () => {
  const quiet = await tellEvents([...[0, 1, 2, 3].flatMap(round), ...STILL]);
  const objects = region.objects("still");
  await objects.ensureContainer();
  const one = await Retaining.with({ ...POLICY, anyWriteWindow: 0 }, objects);
  for (let n = 0; n < 5; n++) {
    one.now = micros(START + n * 10 * MINUTE);
    await one.arrive(quiet, n);
  }
  for (let run = 0; run < 3; run++) {
    one.now = micros(one.now + 14 * HOUR);
    await one.round();
  }
  expect(new Set((await one.names()).map((name) => name.split("/")[2]))).toEqual(
    new Set(["layers", "points", "registers"]),
  );
  expect((await one.record())?.stock?.segments).toEqual({ objects: 0, bytes: 0 });
  expect(await one.broken()).toEqual([]);
});

test("one that dies over and over leaves every point whole, and comes to its end", async () => {
  const one = await machineIn("dying");
  let died = 0;
  const dying = async (at: number) => {
    const when = at % 2 === 0 ? ("before" as const) : ("after" as const);
    await one.round(failing(one.objects, { calls: 0, at, when })).catch(() => died++);
  };
  for (let n = 0; n < 8; n++) {
    one.now = micros(START + n * 8 * MINUTE);
    await one.arrive(await told, n);
    for (const at of [7 + n, 30 + 3 * n]) await dying(at);
  }
  for (let run = 0; run < 2; run++) {
    one.now = micros(one.now + 14 * HOUR);
    for (const at of [9, 24, 41, 66]) await dying(at + run);
    await one.round();
  }
  expect(died).toBeGreaterThan(12);
  expect(await one.broken()).toEqual([]);
  const record = await one.record();
  expect(record?.stock?.layers.layers).toBeGreaterThan(0);
  expect(record?.dropped).toBeGreaterThan(0);
});
