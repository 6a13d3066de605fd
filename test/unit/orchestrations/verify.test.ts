import { expect, test } from "vitest";
import type { VerifyResult } from "../../../orchestrations/contract.ts";
import { verify } from "../../../orchestrations/verify.ts";
import { Driver, type Script } from "./driver.ts";
import { MACHINE, failing } from "./fixture.ts";

const state = (said: VerifyResult["state"]): VerifyResult => ({ state: said });
const play = (script: Script) =>
  new Driver({ verify: () => state("verified"), noteVerification: () => null, ...script }).play(verify, {
    machine: MACHINE,
  });

test("a round compares the journal, then the replica, and ends", () => {
  const { trace, inputs } = play({});
  expect(trace).toEqual(["verify", "verify"]);
  expect(inputs.map(({ input }) => input)).toEqual([
    { machine: MACHINE, road: "journal" },
    { machine: MACHINE, road: "replica" },
  ]);
});

test("a bad journal does not keep the replica from being compared", () => {
  expect(play({ verify: (_, nth) => state(nth === 0 ? "bad" : "idle") }).trace).toEqual(["verify", "verify"]);
});

test("it ends when the machine is no longer replicated", () => {
  expect(play({ verify: () => state("ended") }).trace).toEqual(["verify"]);
});

test("what may pass is tried again, later each time, and never said to be replication's trouble", () => {
  const { trace, inputs } = play({
    verify: (_, nth) => (nth < 2 ? failing("StorageUnavailable") : state("verified")),
  });
  expect(trace).toEqual([
    "verify",
    "noteVerification",
    "sleep 60000",
    "verify",
    "noteVerification",
    "sleep 120000",
    "verify",
    "verify",
  ]);
  expect(inputs[1]?.input).toEqual({
    machine: MACHINE,
    problem: { code: "StorageUnavailable", message: "told so" },
  });
});

test("what needs a person ends the round with the reason in the record", () => {
  const { trace, error } = play({ verify: () => failing("KeyWrong") });
  expect(trace).toEqual(["verify", "noteVerification"]);
  expect(error).toBeUndefined();
});

test("one that does not get through at all gives up, so that the timer can start another", () => {
  const { trace } = play({ verify: () => failing("StorageUnavailable") });
  expect(trace.filter((step) => step === "verify")).toHaveLength(7);
});

test("large disks are compared in as many turns as that takes, each road by itself", () => {
  const { trace, inputs } = play({ verify: (_, nth) => state(nth === 3 || nth === 5 ? "verified" : "more") });
  expect(trace).toEqual(Array.from({ length: 6 }, () => "verify"));
  expect(inputs.map(({ input }) => input)).toEqual(
    ["journal", "journal", "journal", "journal", "replica", "replica"].map((road) => ({
      machine: MACHINE,
      road,
    })),
  );
});

test("a turn that fails is repeated, and the ladder begins anew behind one that does not", () => {
  const { trace } = play({
    verify: (_, nth) =>
      nth === 1 || nth === 3 ? failing("StorageUnavailable") : state(nth < 5 ? "more" : "idle"),
  });
  expect(trace.join(", ")).toBe(
    "verify, verify, noteVerification, sleep 60000, verify, verify, noteVerification, sleep 60000, verify, verify, verify",
  );
});

test("hours of turns leave no history behind that grows", () => {
  const { trace, continued } = play({ verify: () => state("more") });
  expect(trace.length).toBeLessThan(200);
  expect(continued).toEqual({ machine: MACHINE });
});
