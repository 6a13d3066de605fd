import { expect, test } from "vitest";
import type { RetainResult } from "../../../orchestrations/contract.ts";
import { retain } from "../../../orchestrations/retain.ts";
import { Driver, type Script } from "./driver.ts";
import { MACHINE, failing } from "./fixture.ts";

const state = (said: RetainResult["state"]): RetainResult => ({ state: said });
const done = () => state("done");
const play = (script: Script) =>
  new Driver({ thin: done, compact: done, sweep: done, noteRetention: () => null, ...script }).play(retain, {
    machine: MACHINE,
  });

test("points are thinned, then layers built, then what nothing needs is swept", () => {
  const { trace, inputs } = play({});
  expect(trace).toEqual(["thin", "compact", "sweep"]);
  expect(inputs.map(({ input }) => input)).toEqual(Array(3).fill({ machine: MACHINE }));
});

test("layers are built turn by turn before the sweep", () => {
  const { trace } = play({ compact: (_, nth) => state(nth < 3 ? "more" : "done") });
  expect(trace).toEqual(["thin", "compact", "compact", "compact", "compact", "sweep"]);
});

test("layers without end do not keep the sweep from its work", () => {
  const { trace } = play({ compact: () => state("more") });
  const round = ["thin", ...Array<string>(10).fill("compact"), "sweep"];
  expect(trace).toEqual(Array(10).fill(round).flat());
});

test("a round follows while there are layers to build, and none when there are none", () => {
  const { trace } = play({ compact: (_, nth) => state(nth < 12 ? "more" : "done") });
  const turns = (count: number) => Array<string>(count).fill("compact");
  expect(trace).toEqual(["thin", ...turns(10), "sweep", "thin", ...turns(3), "sweep"]);
});

test.each(["thin", "compact", "sweep"])("it ends at %s when the machine is no longer replicated", (step) => {
  const { trace } = play({ [step]: () => state("ended") });
  expect(trace.at(-1)).toBe(step);
});

test("what may pass is tried again, later each time, and said", () => {
  const { trace, inputs } = play({
    compact: (_, nth) => (nth < 2 ? failing("StorageUnavailable") : done()),
  });
  expect(trace).toEqual([
    "thin",
    "compact",
    "noteRetention",
    "sleep 60000",
    "compact",
    "noteRetention",
    "sleep 120000",
    "compact",
    "sweep",
  ]);
  expect(inputs[2]?.input).toEqual({
    machine: MACHINE,
    problem: { code: "StorageUnavailable", message: "told so" },
  });
});

test("damage ends the round with the reason in the record, and nothing is swept", () => {
  const { trace, error } = play({ compact: () => failing("LayerDamaged") });
  expect(trace).toEqual(["thin", "compact", "noteRetention"]);
  expect(error).toBeUndefined();
});
