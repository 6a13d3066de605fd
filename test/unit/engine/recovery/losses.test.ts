import { expect, test } from "vitest";
import { bytes, generation, micros, sequence } from "../../../../engine/core/units.ts";
import { reportedBy } from "../../../../engine/recovery/agent-record.ts";
import { losses } from "../../../../engine/recovery/losses.ts";
import { NOW, ago, agent, position } from "./fixture.ts";

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
