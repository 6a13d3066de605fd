import { type OrchestrationContext, RetryOptions } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result, textOf } from "./flow.ts";
import { note } from "./ledger.ts";

app.orchestration("chain", function* ({ df }: OrchestrationContext) {
  const { steps } = df.getInput<{ steps: number }>();
  let value = 0;
  for (let i = 0; i < steps; i++) value = yield* result<number>(df.callActivity("add", { a: value, b: 1 }));
  return value;
});

app.orchestration("fanOut", function* ({ df }: OrchestrationContext) {
  const { width } = df.getInput<{ width: number }>();
  const tasks = Array.from({ length: width }, (_, i) => df.callActivity("add", { a: i, b: i }));
  const sums = yield* result<number[]>(df.Task.all(tasks));
  return sums.reduce((a, b) => a + b, 0);
});

app.orchestration("types", function* ({ df }: OrchestrationContext) {
  const values = ["text", "123", '{"a":1}', "", 7, { a: [1, null] }, [1, 2], null];
  const back: unknown[] = [];
  for (const value of values) back.push(yield* result(df.callActivity("echo", value)));
  return back;
});

app.orchestration("uncaught", function* ({ df }: OrchestrationContext) {
  yield df.callActivity("fail", { message: "the disk is gone" });
});

app.orchestration("caught", function* ({ df }: OrchestrationContext) {
  try {
    yield df.callActivity("fail", { message: "the disk is gone" });
  } catch (error) {
    return { caught: textOf(error).split("\n")[0]?.trim() };
  }
  return {};
});

app.orchestration("throws", function* () {
  yield* [];
  throw new Error("not today");
});

app.orchestration("failingBranch", function* ({ df }: OrchestrationContext) {
  try {
    yield df.Task.all([
      df.callActivity("note", "sibling"),
      df.callActivity("fail", { message: "first" }),
      df.callActivity("fail", { message: "second" }),
    ]);
    return "no error";
  } catch (error) {
    return yield* result(df.callActivity("greet", textOf(error).includes("first") ? "first" : "other"));
  }
});

app.orchestration("race", function* ({ df }: OrchestrationContext) {
  const slow = df.callActivity("door", { key: `race ${df.instanceId}` });
  const quick = df.callActivity("echo", "quick");
  const winner = yield* result(df.Task.any([slow, quick]));
  return winner === quick ? "quick" : "slow";
});

app.orchestration("givesNothing", function* ({ df }: OrchestrationContext) {
  return { result: (yield* result(df.callActivity("nothing"))) ?? "null" };
});

app.orchestration("givesLarge", function* ({ df }: OrchestrationContext) {
  const { size } = df.getInput<{ size: number }>();
  const text = yield* result<string>(df.callActivity("large", { size }));
  return text.length;
});

interface Retried {
  key: string;
  failures: number;
  attempts: number;
  /** How long the first pause is, in milliseconds. */
  first: number;
}

app.orchestration("retry", function* ({ df }: OrchestrationContext): Flow {
  const { key, failures, attempts, first } = df.getInput<Retried>();
  const options = new RetryOptions(first, attempts);
  options.backoffCoefficient = 2;
  options.maxRetryIntervalInMilliseconds = first * 5;
  return yield* result(df.callActivityWithRetry("failFirst", options, { key, failures }));
});

app.orchestration("retriesInParallel", function* ({ df }: OrchestrationContext): Flow {
  const { first } = df.getInput<{ first: number }>();
  const tasks = [1, 2, 3].map((n) =>
    df.callActivityWithRetry("failFirst", new RetryOptions(first, 4), {
      key: `${df.instanceId}/${n}`,
      failures: n - 1,
    }),
  );
  const all = yield* result<string[]>(df.Task.all(tasks));
  return [...all, yield* result(df.callActivity("echo", "after"))];
});

app.orchestration("parent", function* ({ df }: OrchestrationContext): Flow {
  const { steps } = df.getInput<{ steps: number }>();
  const one = yield* result<number>(df.callSubOrchestrator("chain", { steps }));
  const two = yield* result<number>(df.callSubOrchestrator("chain", { steps: 2 }, `${df.instanceId}-child`));
  return { one, two };
});

app.orchestration("parentOfFailing", function* ({ df }: OrchestrationContext): Flow {
  try {
    yield df.callSubOrchestrator("throws", {});
    return "no error";
  } catch (error) {
    return textOf(error);
  }
});

app.orchestration("parentWithRetry", function* ({ df }: OrchestrationContext): Flow {
  const key = `${df.instanceId} child`;
  const options = new RetryOptions(df.getInput<{ first: number }>().first, 3);
  return yield* result(df.callSubOrchestratorWithRetry("failsFirst", options, { key }));
});

app.orchestration("failsFirst", function* ({ df }: OrchestrationContext): Flow {
  const { key } = df.getInput<{ key: string }>();
  return yield* result(df.callActivity("failFirst", { key, failures: 1 }));
});

app.orchestration("whoIsParent", function* ({ df }: OrchestrationContext) {
  yield* [];
  return { id: df.instanceId, parent: df.parentInstanceId };
});

app.orchestration("asksForParent", function* ({ df }: OrchestrationContext): Flow {
  return yield* result(df.callSubOrchestrator("whoIsParent", {}, `${df.instanceId}/x`.replace("/", "-")));
});

app.orchestration("custom", function* ({ df }: OrchestrationContext) {
  df.setCustomStatus({ step: 1 });
  yield df.callActivity("echo", 1);
  df.setCustomStatus({ step: 2 });
  yield df.waitForExternalEvent("go");
  return "done";
});

app.orchestration("retryTimeout", function* ({ df }: OrchestrationContext) {
  const options = Object.assign(new RetryOptions(1000, 3), { retryTimeoutInMilliseconds: 5000 });
  yield df.callActivityWithRetry("echo", options, 1);
});

app.orchestration("customTooLarge", function* ({ df }: OrchestrationContext) {
  df.setCustomStatus("x".repeat(20_000));
  yield df.callActivity("echo", 1);
});

app.orchestration("unknownActivity", function* ({ df }: OrchestrationContext) {
  yield df.callActivity("noSuchActivity", {});
});

app.orchestration("unknownChild", function* ({ df }: OrchestrationContext) {
  yield df.callSubOrchestrator("noSuchOrchestrator", {});
});

app.orchestration("httpCaller", function* ({ df }: OrchestrationContext) {
  yield df.callHttp({ method: "GET", url: "http://127.0.0.1:1/" });
});

app.orchestration("yieldsTwice", function* ({ df }: OrchestrationContext) {
  const a = df.callActivity("echo", "a");
  const b = df.callSubOrchestrator("waits", {});
  yield df.Task.any([a, b]);
  const c = df.callActivity("echo", "c");
  yield df.Task.any([b, c]);
});

app.orchestration("replays", function* ({ df }: OrchestrationContext) {
  const { seconds } = df.getInput<{ seconds: number }>();
  if (!df.isReplaying) note(`${df.instanceId} first`);
  const before = df.currentUtcDateTime.getTime();
  const id = df.newGuid(df.instanceId);
  yield df.callActivity("echo", 1);
  if (!df.isReplaying) note(`${df.instanceId} second`);
  yield df.createTimer(new Date(df.currentUtcDateTime.getTime() + seconds * 1000));
  return { id, waited: df.currentUtcDateTime.getTime() - before };
});

app.orchestration("timesOut", function* ({ df }: OrchestrationContext): Flow {
  try {
    return yield* result(df.callActivity("door", { key: `timeout ${df.instanceId}` }));
  } catch (error) {
    return textOf(error).split("\n")[0]?.trim();
  }
});

app.orchestration("rewindable", function* ({ df }: OrchestrationContext): Flow {
  const key = df.instanceId;
  yield df.callActivity("note", `${key} before`);
  const options = new RetryOptions(df.getInput<{ first: number }>().first, 2);
  return yield* result(df.callActivityWithRetry("failFirst", options, { key, failures: 3 }));
});

app.orchestration("withClient", function* ({ df }: OrchestrationContext) {
  yield* [];
  return df.getInput() ?? "no input";
});
