import { EntityId, type OrchestrationContext } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result, textOf } from "./flow.ts";
import { note } from "./ledger.ts";

interface Counter {
  value: number;
}

/** Counts, one operation at a time; `add` pauses, so that a second one at once would be seen. */
app.entity<Counter>("counter", async ({ df }) => {
  const { value } = df.getState(() => ({ value: 0 })) ?? { value: 0 };
  switch (df.operationName ?? "") {
    case "add": {
      note(`${df.entityKey} begins`);
      await new Promise(setImmediate);
      df.setState({ value: value + (df.getInput<number>() ?? 1) });
      note(`${df.entityKey} ends`);
      return;
    }
    case "get":
      return df.return({ value });
    case "isNew":
      return df.return({ value: df.isNewlyConstructed ? 1 : 0 });
    case "fail":
      df.setState({ value: -1 });
      throw new Error("the counter is broken");
    case "copyTo":
      df.signalEntity(new EntityId("counter", df.getInput<string>() ?? ""), "add", value);
      return;
    case "countDown": {
      const left = df.getInput<number>() ?? 0;
      df.setState({ value: value + 1 });
      if (left > 1) df.signalEntity(new EntityId("counter", df.entityKey), "countDown", left - 1);
      return;
    }
    case "delete":
      return df.destructOnExit();
    case "describe":
      return note(JSON.stringify({ name: df.entityName, key: df.entityKey, input: df.getInput() }));
    case "hang":
      return new Promise<void>(() => note(`${df.entityKey} hangs`));
    default:
      throw new Error(`unknown operation ${df.operationName}`);
  }
});

const counter = (key: string) => new EntityId("counter", key);

app.orchestration("counts", function* ({ df }: OrchestrationContext): Flow {
  const { key, times } = df.getInput<{ key: string; times: number }>();
  for (let i = 0; i < times; i++) yield df.callEntity(counter(key), "add", i);
  return yield* result(df.callEntity(counter(key), "get"));
});

app.orchestration("signals", function* ({ df }: OrchestrationContext): Flow {
  const { key } = df.getInput<{ key: string }>();
  df.signalEntity(counter(key), "add", 1);
  const told = yield* result<string>(df.callActivity("echo", "between"));
  df.signalEntity(counter(key), "add", 10);
  df.signalEntity(counter(key), "add", 100);
  const seen = yield* result(df.callEntity(counter(key), "get"));
  df.signalEntity(counter(key), "add", 1000);
  return { told, seen };
});

app.orchestration("callsInParallel", function* ({ df }: OrchestrationContext): Flow {
  const keys = [1, 2, 3].map((n) => `${df.instanceId}/${n}`);
  yield df.Task.all(keys.map((key, i) => df.callEntity(counter(key), "add", i)));
  const gets = keys.map((key) => df.callEntity(counter(key), "get"));
  const all = yield* result<Counter[]>(df.Task.all([...gets, df.callActivity("echo", { value: "act" })]));
  return all.map(({ value }) => value);
});

app.orchestration("callsFailing", function* ({ df }: OrchestrationContext): Flow {
  const { operation } = df.getInput<{ operation: string }>();
  try {
    yield df.callEntity(counter(df.instanceId), operation);
    return "no error";
  } catch (error) {
    return { caught: textOf(error), after: yield* result(df.callActivity("echo", "after")) };
  }
});

app.orchestration("callsUnknownEntity", function* ({ df }: OrchestrationContext) {
  yield df.callEntity(new EntityId("nobody", "x"), "add");
});

app.orchestration("locks", function* ({ df }: OrchestrationContext) {
  yield df.lock([counter("locked")]);
});

/** Signals as its very last step, then fails, continues as new or ends. */
app.orchestration("signalsAtTheEnd", function* ({ df }: OrchestrationContext): Flow {
  const { key, end } = df.getInput<{ key: string; end: string }>();
  yield df.callActivity("echo", 1);
  df.signalEntity(counter(key), "add", 5);
  if (end === "throw") throw new Error("after the signal");
  if (end === "anew") df.continueAsNew({ key, end: "return" });
  return undefined;
});

/** Ends while a call is under way. */
app.orchestration("leavesCall", function* ({ df }: OrchestrationContext): Flow {
  const { seconds } = df.getInput<{ seconds: number }>();
  const alarm = df.createTimer(new Date(df.currentUtcDateTime.getTime() + seconds * 1000));
  const call = df.callEntity(counter(df.instanceId), "hang");
  yield df.Task.any([alarm, call]);
  return "ended";
});
