import { type OrchestrationContext } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result, textOf } from "./flow.ts";

app.orchestration("sleeps", function* ({ df }: OrchestrationContext) {
  const { seconds } = df.getInput<{ seconds: number }>();
  const start = df.currentUtcDateTime.getTime();
  yield df.createTimer(new Date(start + seconds * 1000));
  return (df.currentUtcDateTime.getTime() - start) / 1000;
});

app.orchestration("waits", function* ({ df }: OrchestrationContext) {
  const first = yield* result(df.waitForExternalEvent("first"));
  const second = yield* result(df.waitForExternalEvent("second"));
  return { first, second };
});

app.orchestration("collects", function* ({ df }: OrchestrationContext) {
  const { count } = df.getInput<{ count: number }>();
  const found: unknown[] = [];
  for (let i = 0; i < count; i++) found.push(yield* result(df.waitForExternalEvent("item")));
  return found;
});

/** Takes one event per generation until one says 0; none may be lost or taken twice in between. */
app.orchestration("gathers", function* ({ df }: OrchestrationContext) {
  const items = df.getInput<number[]>();
  const item = yield* result<number>(df.waitForExternalEvent("item"));
  if (item === 0) return items;
  df.continueAsNew([...items, item]);
  return undefined;
});

app.orchestration("waitsForBoth", function* ({ df }: OrchestrationContext) {
  return yield* result(df.Task.all([df.waitForExternalEvent("left"), df.waitForExternalEvent("right")]));
});

app.orchestration("approval", function* ({ df }: OrchestrationContext) {
  const { minutes } = df.getInput<{ minutes: number }>();
  const deadline = df.createTimer(new Date(df.currentUtcDateTime.getTime() + minutes * 60_000));
  const approved = df.waitForExternalEvent("approved");
  const winner = yield* result(df.Task.any([approved, deadline]));
  if (winner !== approved) return "too late";
  deadline.cancel();
  return approved.result;
});

app.orchestration("forgetsTimer", function* ({ df }: OrchestrationContext) {
  const { seconds } = df.getInput<{ seconds: number }>();
  const deadline = df.createTimer(new Date(df.currentUtcDateTime.getTime() + seconds * 1000));
  yield df.Task.any([df.callActivity("echo", 1), deadline]);
  return "done";
});

/** Counts its generations; each takes one event where it is told to. */
app.orchestration("generations", function* ({ df }: OrchestrationContext) {
  const state = df.getInput<{ left: number; seen: number; events: boolean; items: unknown[] }>();
  if (state.left === 0) return { generations: state.seen, items: state.items };
  const item = state.events
    ? yield* result(df.waitForExternalEvent("item"))
    : yield* result(df.callActivity("echo", state.seen));
  df.continueAsNew({
    left: state.left - 1,
    seen: state.seen + 1,
    events: state.events,
    items: [...state.items, item],
  });
  return undefined;
});

/** Leaves an event unread behind when it continues. */
app.orchestration("losesEvents", function* ({ df }: OrchestrationContext) {
  const { second } = df.getInput<{ second: boolean }>();
  if (second) return "second";
  yield df.waitForExternalEvent("go");
  df.continueAsNew({ second: true });
  return undefined;
});

/** The shape of an eternal orchestration: an event wakes it early, else a timer. */
app.orchestration("eternal", function* ({ df }: OrchestrationContext): Flow {
  const state = df.getInput<{ woken: number; ticks: number; seconds: number }>();
  const alarm = df.createTimer(new Date(df.currentUtcDateTime.getTime() + state.seconds * 1000));
  const wake = df.waitForExternalEvent("wake");
  const winner = yield* result(df.Task.any([wake, alarm]));
  if (winner === wake) alarm.cancel();
  if (winner === wake && wake.result === "stop") return state;
  df.continueAsNew({
    woken: state.woken + (winner === wake ? 1 : 0),
    ticks: state.ticks + (winner === wake ? 0 : 1),
    seconds: state.seconds,
  });
  return undefined;
});

app.orchestration("parentOfWaiting", function* ({ df }: OrchestrationContext) {
  try {
    return yield* result(df.callSubOrchestrator("waits", {}, `${df.instanceId}-waits`));
  } catch (error) {
    return textOf(error);
  }
});
