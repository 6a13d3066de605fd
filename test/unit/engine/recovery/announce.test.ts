import { expect, test } from "vitest";
import { bytes, generation, sequence } from "../../../../engine/core/units.ts";
import { reportedBy } from "../../../../engine/recovery/agent-record.ts";
import { announce } from "../../../../engine/recovery/announce.ts";
import { NOW, ago, agent, position } from "./fixture.ts";

const point = { generation: generation(1), sequence: sequence(70), time: ago(20), bytes: bytes(70 * 4096) };

test("everything that the source is known to have made after the barrier is announced", () => {
  expect(announce(NOW, point, position(8, 80), reportedBy(agent()))).toEqual({
    after: 70,
    seconds: 20,
    writes: 30,
    bytes: 30 * 4096,
    knownSequence: 100,
    knownUntil: ago(1),
  });
});

test("what arrived after the last report is known as well", () => {
  const found = announce(NOW, point, position(12, 120, { time: ago(0.5) }), reportedBy(agent()));
  expect(found).toMatchObject({ writes: 50, knownSequence: 120, knownUntil: ago(0.5) });
});

test("an idle machine announces no writes, only the time since it last said so", () => {
  const idle = { sequence: sequence(70), time: ago(20), bytes: bytes(70 * 4096) };
  const found = announce(NOW, point, position(8, 70), reportedBy(agent({ captured: idle, cached: idle })));
  expect(found).toMatchObject({ writes: 0, bytes: 0, seconds: 1, knownUntil: ago(1) });
});

test("without a report only what arrived is known", () => {
  expect(announce(NOW, point, position(8, 80, { time: ago(5) }))).toMatchObject({
    writes: 10,
    knownUntil: ago(5),
  });
});
