import { expect, test } from "vitest";
import { bytes, generation, micros, sequence } from "../../../../engine/core/units.ts";
import { reportedBy } from "../../../../engine/recovery/agent-record.ts";
import { liveLosses, losses } from "../../../../engine/recovery/losses.ts";
import { beginGeneration } from "../../../../engine/recovery/replicating.ts";
import { NOW, POINT, ago, agent, position, progress } from "./fixture.ts";

const reported = reportedBy(agent());

test("each loss counts from what its place holds", () => {
  const found = losses(NOW, reported, position(8, 80, { time: ago(7) }));
  expect(found?.vm).toEqual({ seconds: 3, bytes: 10 * 4096, writes: 10 });
  expect(found?.region).toEqual({ seconds: 7, bytes: 20 * 4096, writes: 20 });
});

test("an idle machine loses nothing but the time since its last word", () => {
  const cached = { sequence: sequence(100), time: ago(600), bytes: bytes(409_600) };
  const idle = reportedBy(agent({ captured: cached, cached, at: ago(2) }));
  const found = losses(NOW, idle, position(10, 100, { time: ago(600) }));
  expect(found).toEqual({
    vm: { seconds: 2, bytes: 0, writes: 0 },
    region: { seconds: 2, bytes: 0, writes: 0 },
  });
});

test("what has arrived counts as cached, however old the report is", () => {
  const found = losses(NOW, reported, position(10, 95, { time: ago(2) }));
  expect(found?.vm).toEqual({ seconds: 2, bytes: 5 * 4096, writes: 5 });
});

test("what has arrived after the last report is no loss", () => {
  const found = losses(NOW, reported, position(12, 120, { time: micros(NOW - 500_000) }));
  expect(found?.region).toEqual({ seconds: 0.5, bytes: 0, writes: 0 });
});

test("there is nothing to count before the first report, the first arrival, or in another generation", () => {
  expect(losses(NOW, undefined, position(8, 80))).toBeUndefined();
  expect(losses(NOW, reported, position(0, 0, { time: micros(0) }))).toBeUndefined();
  expect(losses(NOW, reported, position(8, 80, { generation: generation(2) }))).toBeUndefined();
});

test("a source whose clock is ahead does not lose negative time", () => {
  const found = losses(micros(NOW - 60_000_000), reported, position(8, 80));
  expect(found?.region.seconds).toBe(0);
});

const copied = (writes: number) => ({ copied: { writes, bytes: bytes(writes * 4096) } });
const captured = { sequence: sequence(100), time: ago(1), bytes: bytes(409_600) };

test("copies of a comparison are no loss", () => {
  const told = reportedBy(
    agent({
      captured: { ...captured, ...copied(20) },
      cached: { sequence: sequence(90), time: ago(3), bytes: bytes(368_640), ...copied(15) },
    }),
  );
  const found = losses(NOW, told, position(8, 80, { time: ago(7), ...copied(12) }));
  expect(found?.vm).toEqual({ seconds: 3, bytes: 5 * 4096, writes: 5 });
  expect(found?.region).toEqual({ seconds: 7, bytes: 12 * 4096, writes: 12 });
});

test("a machine whose guest rests loses nothing, however much a comparison copies", () => {
  const told = reportedBy(agent({ captured: { ...captured, ...copied(20) }, at: ago(2) }));
  const found = losses(NOW, told, position(8, 80, { time: ago(7) }));
  expect(found?.region).toEqual({ seconds: 2, bytes: 0, writes: 0 });
});

const point = {
  id: POINT,
  generation: generation(1),
  sequence: sequence(70),
  time: ago(60),
  bytes: bytes(70 * 4096),
};

test("a machine without a point has no loss to show: all of it would be lost", () => {
  expect(liveLosses(NOW, progress({ arrived: position(8, 80) }), reported)).toBeUndefined();
});

test("with a point in its generation a machine loses what has not come", () => {
  const now = progress({ arrived: position(8, 80), point });
  expect(liveLosses(NOW, now, reported)).toEqual(losses(NOW, reported, now.arrived));
});

test("while a new generation is compared both losses count from the newest point, through all that ended since", () => {
  const unrecorded = { since: ago(20), bytes: bytes(3 * 4096), writes: 3 };
  const pressure = { rung: "broken" as const, since: ago(20), unrecorded };
  const broken = reportedBy(agent({ pressure }));
  const first = progress({ arrived: position(8, 80), point });
  const second = beginGeneration(first.machine, generation(2), first, undefined, broken);
  // Behind the point 30 writes were captured, and 3 were not recorded; the second generation begins behind write 80.
  const none = { writes: 33, bytes: 33 * 4096, seconds: 60 };
  expect(liveLosses(NOW, second, broken)).toEqual({ vm: none, region: none });
  const there = { sequence: sequence(110), time: ago(1), bytes: bytes(30 * 4096), ...copied(25) };
  const later = reportedBy(agent({ generation: generation(2), captured: there, cached: there }));
  const some = { writes: 38, bytes: 38 * 4096, seconds: 60 };
  expect(liveLosses(NOW, second, later)).toEqual({ vm: some, region: some });
  const third = beginGeneration(first.machine, generation(3), second, undefined, later);
  expect(liveLosses(NOW, third, undefined)).toEqual({ vm: some, region: some });
});
