import { expect, test } from "vitest";
import { EventType, type HistoryEvent, stamped } from "../../../../local/functions-host/durable/history.ts";
import { timelineOf } from "../../../../local/functions-host/timeline.ts";

const NO_TIMERS: ReadonlySet<number> = new Set();
const START = Date.parse("2030-01-01T00:00:00Z");

type Body = Parameters<typeof stamped>[0];
const at = (seconds: number, body: Body & { EventId?: number; RetryOf?: number }): HistoryEvent =>
  stamped(body, START + seconds * 1000);
const activity = (seconds: number, EventId: number, Name: string, more: { RetryOf?: number } = {}) =>
  at(seconds, { EventType: EventType.TaskScheduled, EventId, Name, Input: '[{"a":1}]', ...more });
const done = (seconds: number, TaskScheduledId: number) =>
  at(seconds, { EventType: EventType.TaskCompleted, TaskScheduledId, Result: "7" });
const failed = (seconds: number, TaskScheduledId: number) =>
  at(seconds, { EventType: EventType.TaskFailed, TaskScheduledId, Reason: "it broke", Details: "here" });
const timer = (seconds: number, EventId: number, due: number, more: { RetryOf?: number } = {}) =>
  at(seconds, {
    EventType: EventType.TimerCreated,
    EventId,
    FireAt: new Date(START + due * 1000).toISOString(),
    ...more,
  });
const fired = (seconds: number, TimerId: number) =>
  at(seconds, { EventType: EventType.TimerFired, TimerId, FireAt: "" });

test("an activity is a bar from its scheduling to its answer, with what went in and out", () => {
  const { rows } = timelineOf([activity(1, 0, "add"), done(3, 0)], NO_TIMERS, true);
  const bar = {
    kind: "work",
    from: START + 1000,
    to: START + 3000,
    state: "done",
    input: '{"a":1}',
    result: "7",
  };
  expect(rows).toEqual([{ kind: "activity", name: "add", task: 0, state: "done", bars: [bar] }]);
});

test("the attempts of one task share a row with the pauses between them", () => {
  const history = [
    activity(0, 0, "copy", { RetryOf: 0 }),
    failed(1, 0),
    timer(1, 1, 6, { RetryOf: 0 }),
    fired(6, 1),
    activity(6, 2, "copy", { RetryOf: 0 }),
    done(7, 2),
  ];
  const { rows } = timelineOf(history, NO_TIMERS, false);
  expect(rows).toHaveLength(1);
  expect(rows[0]?.state).toBe("done");
  expect(rows[0]?.bars.map(({ kind, state }) => `${kind} ${state}`)).toEqual([
    "work failed",
    "retry done",
    "work done",
  ]);
});

test("between two attempts a task is waited for; after the last one it has failed", () => {
  const history = [activity(0, 0, "copy", { RetryOf: 0 }), failed(1, 0), timer(1, 1, 6, { RetryOf: 0 })];
  expect(timelineOf(history, new Set([1]), true).rows[0]?.state).toBe("waiting");
  expect(timelineOf([...history, fired(6, 1)], NO_TIMERS, true).rows[0]?.state).toBe("failed");
});

test("an error is told with its details, once", () => {
  const bar = timelineOf([activity(0, 0, "x"), failed(1, 0)], NO_TIMERS, false).rows[0]?.bars[0];
  expect(bar?.error).toBe("it broke\n\nhere");
});

test("a timer that will not fire any more was cancelled: the history itself does not say so", () => {
  const history = [timer(0, 0, 60), timer(0, 1, 90)];
  const states = timelineOf(history, new Set([1]), true).rows.map(({ state }) => state);
  expect(states).toEqual(["abandoned", "waiting"]);
});

test("of an instance that has ended nothing is waited for", () => {
  expect(timelineOf([activity(0, 0, "x")], NO_TIMERS, false).rows[0]?.state).toBe("abandoned");
});

test("a sub-orchestration names its instance", () => {
  const created: Body & { EventId: number } = {
    EventType: EventType.SubOrchestrationInstanceCreated,
    EventId: 0,
    Name: "child",
    InstanceId: "the-child",
    Input: "1",
  };
  const ended: Body = {
    EventType: EventType.SubOrchestrationInstanceCompleted,
    TaskScheduledId: 0,
    Result: null,
  };
  const { rows } = timelineOf([at(0, created), at(5, ended)], NO_TIMERS, false);
  expect(rows[0]).toMatchObject({ kind: "orchestration", state: "done", bars: [{ instance: "the-child" }] });
});

test("a call of an entity ends with the event that answers it, a signal at once", () => {
  const sent = (EventId: number, request: { op: string; signal?: boolean; id: string }) =>
    at(0, {
      EventType: EventType.EventSent,
      EventId,
      Name: "op",
      InstanceId: "@counter@a",
      Input: JSON.stringify({ input: "5", parent: "p", parentExecution: "e", ...request }),
    });
  const answer = (Name: string, Input: object) =>
    at(3, { EventType: EventType.EventRaised, Name, Input: JSON.stringify(Input) });
  const history = [
    sent(0, { op: "add", id: "first" }),
    sent(1, { op: "reset", signal: true, id: "second" }),
    sent(2, { op: "break", id: "third" }),
    answer("first", { result: "7" }),
    answer("third", { result: '"broken"', exceptionType: "Error" }),
  ];
  const { rows } = timelineOf(history, NO_TIMERS, true);
  expect(rows.map(({ name, state, bars }) => [name, state, bars[0]?.to])).toEqual([
    ["add @counter@a", "done", START + 3000],
    ["reset @counter@a", "done", START],
    ["break @counter@a", "failed", START + 3000],
  ]);
  expect(rows[0]?.bars[0]).toMatchObject({ input: "5", result: "7" });
  expect(rows[2]?.bars[0]?.error).toBe('"broken"');
});

test("events are points, suspensions last until the resumption, turns and the beginning are known", () => {
  const history = [
    at(0, { EventType: EventType.OrchestratorStarted }),
    at(0, {
      EventType: EventType.ExecutionStarted,
      Name: "o",
      Version: "",
      Input: null,
      ParentInstance: null,
    }),
    at(1, { EventType: EventType.EventRaised, Name: "go", Input: "true" }),
    at(2, { EventType: EventType.ExecutionSuspended, Reason: "lunch" }),
    at(9, { EventType: EventType.ExecutionResumed, Reason: "" }),
    at(9, { EventType: EventType.ExecutionSuspended, Reason: "" }),
  ];
  const { rows, turns, began } = timelineOf(history, NO_TIMERS, true);
  expect([turns, began]).toEqual([[START], START]);
  expect(rows.map(({ name, bars }) => [name, bars[0]?.from, bars[0]?.to])).toEqual([
    ["go", START + 1000, START + 1000],
    ["suspended: lunch", START + 2000, START + 9000],
    ["suspended", START + 9000, null],
  ]);
});
