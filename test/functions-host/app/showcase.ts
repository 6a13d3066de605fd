import { setTimeout as sleep } from "node:timers/promises";
import { type OrchestrationContext, RetryOptions } from "durable-functions";
import { app } from "./witnessed.ts";
import { type Flow, result } from "./flow.ts";

app.activity("copy", {
  handler: async ({ millis, disk }: { millis: number; disk: number }) => {
    await sleep(millis);
    return { disk, copied: 8_388_608 };
  },
});

/** One of each kind of thing that a timeline shows, in real time; it waits for `approved`, and fails in the end. */
app.orchestration("moveShop", function* ({ df }: OrchestrationContext): Flow {
  const { millis } = df.getInput<{ millis: number }>();
  df.setCustomStatus({ step: "copying", of: 3 });
  yield df.callActivity("echo", { shop: "ledger", disks: [0, 1] });
  const lock = { key: `lock of ${df.instanceId}`, failures: 2 };
  yield df.Task.all([
    df.callActivity("copy", { millis: millis * 3, disk: 0 }),
    df.callActivity("copy", { millis, disk: 1 }),
    df.callActivityWithRetry("failFirst", new RetryOptions(millis, 4), lock),
    df.callSubOrchestrator("sleeps", { seconds: (millis * 2) / 1000 }, `${df.instanceId}-settle`),
  ]);
  df.setCustomStatus({ step: "waiting for approval", of: 3 });
  const deadline = df.createTimer(new Date(df.currentUtcDateTime.getTime() + 3_600_000));
  const approved = df.waitForExternalEvent("approved");
  yield df.Task.any([approved, deadline]);
  deadline.cancel();
  yield df.callActivity("copy", { millis, disk: 1 });
  return yield* result(df.callActivity("fail", { message: "the address 10.0.0.4 is taken" }));
});
