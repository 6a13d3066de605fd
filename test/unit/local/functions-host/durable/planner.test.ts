import fc from "fast-check";
import { expect, test } from "vitest";
import { type Action, ActionType } from "../../../../../local/functions-host/durable/action.ts";
import type { Decision } from "../../../../../local/functions-host/durable/decision.ts";
import {
  type CompletionEvent,
  EventType,
  type HistoryEvent,
  stamped,
} from "../../../../../local/functions-host/durable/history.ts";
import { Planner } from "../../../../../local/functions-host/durable/planner.ts";

const START = Date.parse("2030-01-01T00:00:00Z");
const DAY = 86_400_000;
const RETRY = { firstRetryIntervalInMilliseconds: 1000, maxNumberOfAttempts: 3 };

const leaf = fc.oneof(
  fc.constantFrom<Action>(
    { actionType: ActionType.CallActivity, functionName: "work", input: 1 },
    { actionType: ActionType.CallActivityWithRetry, functionName: "work", retryOptions: RETRY },
    { actionType: ActionType.CallSubOrchestrator, functionName: "child" },
    { actionType: ActionType.WaitForExternalEvent, externalEventName: "go" },
  ),
  fc.integer({ min: 0, max: 20 }).map((days): Action => ({
    actionType: ActionType.CreateTimer,
    fireAt: new Date(START + days * DAY),
    isCanceled: false,
  })),
);

const tree: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: leaf },
  {
    weight: 1,
    arbitrary: fc.record({
      actionType: fc.constantFrom(ActionType.WhenAll, ActionType.WhenAny),
      compoundActions: fc.array(leaf, { minLength: 1, maxLength: 4 }),
    }),
  },
);

/** What happens before a turn: which open task is answered and how, or an event. */
const step = fc.record({
  which: fc.nat(),
  how: fc.constantFrom("succeeds", "succeeds", "fails", "an event comes"),
  timersAreCanceled: fc.boolean(),
});

test("a planner that goes on plans what one that walks the whole history plans", () => {
  fc.assert(
    fc.property(
      fc.array(tree, { minLength: 1, maxLength: 12 }),
      fc.array(step, { maxLength: 40 }),
      (actions, steps) => {
        const lasting = new Planner();
        const past: HistoryEvent[] = [];
        const open: Decision[] = [];
        let asked = actions;
        let cause: HistoryEvent = started();
        for (const [turn, { which, how, timersAreCanceled }] of steps.entries()) {
          const now = START + turn * DAY;
          if (turn > 0) cause = how === "an event comes" ? raised(now) : answer(open, which, how, now);
          if (timersAreCanceled && turn % 7 === 6) asked = asked.map(canceled);
          const news = [stamped({ EventType: EventType.OrchestratorStarted }, now), cause];
          const plan = lasting.plan(asked, past, news);
          expect(plan).toEqual(new Planner().plan(asked, past, news));
          past.push(...news, ...plan.decisions.map((task) => scheduled(task, now)));
          past.push(stamped({ EventType: EventType.OrchestratorCompleted }, now));
          open.push(...plan.decisions);
        }
      },
    ),
    { numRuns: 500 },
  );
});

const started = (): HistoryEvent =>
  stamped(
    { EventType: EventType.ExecutionStarted, Name: "flow", Version: "", Input: null, ParentInstance: null },
    START,
  );

const raised = (now: number): HistoryEvent =>
  stamped({ EventType: EventType.EventRaised, Name: "go", Input: null }, now);

/** Of one of the open tasks, which then is open no more; an event when there is none. */
function answer(open: Decision[], which: number, how: string, now: number): HistoryEvent {
  const [task] = open.splice(which % Math.max(open.length, 1), 1);
  if (!task) return raised(now);
  const TaskScheduledId = task.id;
  const body: CompletionEvent =
    task.kind === "timer"
      ? { EventType: EventType.TimerFired, TimerId: task.id, FireAt: new Date(now).toISOString() }
      : how === "fails"
        ? { EventType: EventType.TaskFailed, TaskScheduledId, Reason: "no", Details: "" }
        : { EventType: EventType.TaskCompleted, TaskScheduledId, Result: "1" };
  return stamped(body, now);
}

function scheduled(task: Decision, now: number): HistoryEvent {
  const EventId = task.id;
  if (task.kind === "timer") {
    const FireAt = new Date(task.fireAt).toISOString();
    return stamped({ EventType: EventType.TimerCreated, EventId, FireAt }, now);
  }
  const common = { EventId, Name: task.name, Input: task.input };
  return task.kind === "child"
    ? stamped({ EventType: EventType.SubOrchestrationInstanceCreated, ...common, InstanceId: "c" }, now)
    : stamped({ EventType: EventType.TaskScheduled, ...common }, now);
}

const canceled = (action: Action): Action =>
  action.actionType === ActionType.CreateTimer
    ? { ...action, isCanceled: true }
    : "compoundActions" in action
      ? { ...action, compoundActions: action.compoundActions.map(canceled) }
      : action;
