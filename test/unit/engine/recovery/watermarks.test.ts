import fc from "fast-check";
import { expect, test } from "vitest";
import { bytes, generation, ordinal, sequence } from "../../../../engine/core/units.ts";
import { withHeartbeat } from "../../../../engine/recovery/agent-record.ts";
import { watermarks } from "../../../../engine/recovery/watermarks.ts";
import { NOW, agent, position, progress } from "./fixture.ts";

test("nothing is known before the first report", () => {
  expect(watermarks(undefined, undefined)).toEqual({});
});

test("each mark holds at least what the next one holds, whatever was reported when", () => {
  const mark = fc.record({ of: fc.integer({ min: 1, max: 3 }), at: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(mark, mark, mark, fc.integer({ min: 0, max: 50 }), (reported, arrived, applied, cachedAt) => {
      const of = generation(reported.of);
      const point = (n: number) => ({ sequence: sequence(n), time: NOW, bytes: bytes(n) });
      const found = watermarks(
        agent({
          generation: of,
          captured: point(reported.at),
          cached: point(Math.min(cachedAt, reported.at)),
        }),
        progress({
          arrived: position(1, arrived.at, { generation: generation(arrived.of) }),
          applied: position(1, applied.at, { generation: generation(applied.of) }),
        }),
      );
      const order = [found.captured, found.cached, found.arrived, found.applied].map((m) =>
        m ? m.generation * 1000 + m.sequence : -1,
      );
      expect(order).toEqual(order.toSorted((a, b) => b - a));
    }),
  );
});

test("a heartbeat that was overtaken changes nothing, though nothing was captured in between", () => {
  const old = agent({ cachedNext: ordinal(9) });
  const beat = old.heartbeat;
  if (!beat) throw new RangeError("no heartbeat");
  expect(withHeartbeat(old, { ...beat, cachedNext: ordinal(8) }, NOW)).toBe(old);
  const newer = { ...beat, cachedNext: ordinal(10) };
  expect(withHeartbeat(old, newer, NOW)).toMatchObject({ heartbeat: newer, heardAt: NOW });
});
