import { expect, test } from "vitest";
import { bytes, generation, sequence } from "../../../../engine/core/units.ts";
import { reportedBy } from "../../../../engine/recovery/agent-record.ts";
import { beginGeneration } from "../../../../engine/recovery/replicating.ts";
import { announce } from "../../../../engine/recovery/announce.ts";
import { NOW, ago, agent, position, progress } from "./fixture.ts";

const point = { generation: generation(1), sequence: sequence(70), time: ago(20), bytes: bytes(70 * 4096) };

test("everything that the source is known to have made after the barrier is announced", () => {
  expect(announce(NOW, point, progress({ arrived: position(8, 80) }), reportedBy(agent()))).toEqual({
    after: 70,
    seconds: 20,
    writes: 30,
    bytes: 30 * 4096,
    knownSequence: 100,
    knownUntil: ago(1),
  });
});

test("what arrived after the last report is known as well", () => {
  const found = announce(
    NOW,
    point,
    progress({ arrived: position(12, 120, { time: ago(0.5) }) }),
    reportedBy(agent()),
  );
  expect(found).toMatchObject({ writes: 50, knownSequence: 120, knownUntil: ago(0.5) });
});

test("an idle machine announces no writes, only the time since it last said so", () => {
  const idle = { sequence: sequence(70), time: ago(20), bytes: bytes(70 * 4096) };
  const found = announce(
    NOW,
    point,
    progress({ arrived: position(8, 70) }),
    reportedBy(agent({ captured: idle, cached: idle })),
  );
  expect(found).toMatchObject({ writes: 0, bytes: 0, seconds: 1, knownUntil: ago(1) });
});

test("of a point in an ended generation all is announced that came since, without copies", () => {
  const before = progress({ arrived: position(8, 80) });
  const after = beginGeneration(before.machine, generation(2), before, undefined, reportedBy(agent()));
  const captured = {
    sequence: sequence(100),
    time: ago(1),
    bytes: bytes(20 * 4096),
    copied: { writes: 15, bytes: bytes(15 * 4096) },
  };
  const told = reportedBy(agent({ generation: generation(2), captured, cached: captured }));
  expect(announce(NOW, point, after, told)).toMatchObject({ writes: 30 + 5, bytes: 35 * 4096, seconds: 20 });
});

test("without a report only what arrived is known", () => {
  expect(announce(NOW, point, progress({ arrived: position(8, 80, { time: ago(5) }) }))).toMatchObject({
    writes: 10,
    knownUntil: ago(5),
  });
});
