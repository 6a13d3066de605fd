import { expect, test } from "vitest";
import {
  ITEM_STATES,
  type ItemEvent,
  type ItemState,
  STATES,
  nextState,
} from "../../../../engine/recovery/state.ts";

const EVENTS: readonly ItemEvent[] = [
  "enable",
  "enableFailed",
  "copying",
  "protected",
  "failover",
  "failoverFailed",
  "failedOver",
  "shutDown",
  "fence",
  "changePoint",
  "cancel",
  "cancelFailed",
  "cancelled",
  "commit",
  "commitFailed",
  "committed",
  "reverse",
  "takeOver",
  "reverseFailed",
  "disable",
  "disableFailed",
];

test("an item lives from enablement to a failover that waits for its commit", () => {
  const life: ItemEvent[] = ["copying", "protected", "failover", "failoverFailed", "failover", "failedOver"];
  let state: ItemState = "Enabling";
  const seen = life.map((event) => (state = nextState(state, event) ?? "Enabling"));
  expect(seen).toEqual([
    "InitialReplication",
    "Protected",
    "FailingOver",
    "FailoverFailed",
    "FailingOver",
    "UnplannedFailoverCommitPending",
  ]);
});

test.each(ITEM_STATES)("an event that led to %s may come twice", (state) => {
  const leading = EVENTS.filter((event) =>
    ITEM_STATES.some((from) => from !== state && nextState(from, event) === state),
  );
  for (const event of leading) expect(nextState(state, event)).toBe(state);
});

test("a machine that was failed over goes to the other direction, and may come back", () => {
  const life: ItemEvent[] = ["reverse", "takeOver", "copying", "protected"];
  let state: ItemState = "UnplannedFailoverCommitPending";
  const seen = life.map((event) => (state = nextState(state, event) ?? "Enabling"));
  expect(seen).toEqual(["Reversed", "Reversing", "InitialReplication", "Protected"]);
});

test("nothing is replicated once a failover has fenced the source", () => {
  const replicating = ITEM_STATES.filter((state) => STATES[state].replicating);
  expect(replicating).toEqual(["Enabling", "InitialReplication", "Protected", "ShuttingDown"]);
});

test.each(ITEM_STATES)("what %s allows is possible in it, and nothing is while a job is at work", (state) => {
  const { allowed, busy } = STATES[state];
  expect(allowed.includes("UnplannedFailover")).toBe(!busy && nextState(state, "failover") !== undefined);
});

test("protection can be taken away wherever nobody else is at work, and while the first copy is made", () => {
  const can = ITEM_STATES.filter((state) => STATES[state].allowed.includes("DisableProtection"));
  const idle = ITEM_STATES.filter((state) => !STATES[state].busy);
  expect(new Set(can)).toEqual(new Set([...idle, "InitialReplication"]));
  for (const state of can) expect(nextState(state, "disable")).toBe("Disabling");
});
