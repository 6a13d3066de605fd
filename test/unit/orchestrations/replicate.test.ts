import { expect, test } from "vitest";
import { replicate } from "../../../orchestrations/replicate.ts";
import { Driver, type Script } from "./driver.ts";
import { MACHINE, failing, shipped } from "./fixture.ts";

const ROUND: Script = {
  ship: () => shipped(),
  cut: () => ({ points: 1 }),
  startCheckpoint: () => null,
  noteHealth: () => null,
};
const play = (script: Script, failures = 0, events: string[] = []) => {
  const driver = new Driver({ ...ROUND, ...script });
  driver.events = events;
  return driver.play(replicate, { machine: MACHINE, failures });
};

test("a round ships, cuts what has marks, sees to a due checkpoint, and goes on as a new execution", () => {
  const { trace, continued } = play({ ship: () => shipped({ marks: true, checkpointDue: true }) });
  expect(trace).toEqual(["ship", "cut", "startCheckpoint", "sleep 500"]);
  expect(continued).toEqual({ machine: MACHINE, failures: 0, quiet: 0 });
});

test("an idle machine is looked at less often, a busy one at once", () => {
  expect(play({ ship: () => shipped({ state: "idle" }) }).trace).toEqual(["ship", "sleep 2000"]);
  expect(play({ ship: () => shipped({ more: true }) }).trace).toEqual(["ship", "sleep 1"]);
});

test("a machine that shipped a while ago is still looked at soon, until nothing came in a dozen rounds", () => {
  const waits: string[] = [];
  let input: unknown = { machine: MACHINE, quiet: 0 };
  for (let n = 0; n < 13; n++) {
    const driver = new Driver({ ...ROUND, ship: () => shipped({ state: "idle" }) });
    const { trace, continued } = driver.play(replicate, input);
    waits.push(trace.at(-1) ?? "");
    input = continued;
  }
  expect(waits).toEqual([...Array.from({ length: 11 }, () => "sleep 500"), "sleep 2000", "sleep 2000"]);
});

test("an event wakes it before its time", () => {
  expect(play({}, 0, ["wake"]).trace).toEqual(["ship", "event wake"]);
});

test("it ends for good when the machine is no longer replicated", () => {
  const played = play({ ship: () => shipped({ state: "ended" }) });
  expect(played.trace).toEqual(["ship"]);
  expect(played).not.toHaveProperty("continued");
});

test.each([
  [0, 1],
  [3, 8],
  [5, 30],
  [50, 30],
])("after %i failures that may pass it waits %i minutes, and says so", (failures, minutes) => {
  const { trace, inputs, continued } = play({ ship: () => failing("StorageUnavailable") }, failures);
  expect(trace).toEqual(["ship", "noteHealth", `sleep ${minutes * 60_000}`]);
  expect(inputs[1]?.input).toMatchObject({ problem: { code: "StorageUnavailable" }, stopped: false });
  expect(continued).toEqual({ machine: MACHINE, failures: failures + 1, quiet: 12 });
});

test("the first good round clears the health", () => {
  const { inputs, continued } = play({}, 4);
  expect(inputs[1]).toMatchObject({ name: "noteHealth", input: { machine: MACHINE, stopped: false } });
  expect(inputs[1]?.input).not.toHaveProperty("problem");
  expect(continued).toEqual({ machine: MACHINE, failures: 0, quiet: 0 });
});

test("a broken chain stops it cleanly, with the reason in the record", () => {
  const played = play({ cut: () => failing("ChainBroken"), ship: () => shipped({ marks: true }) });
  expect(played.trace).toEqual(["ship", "cut", "noteHealth"]);
  expect(played.inputs[2]?.input).toMatchObject({ problem: { code: "ChainBroken" }, stopped: true });
  expect(played).not.toHaveProperty("continued");
  expect(played.error).toBeUndefined();
});
