import { app, type InvocationContext, type RetryContext, type Timer } from "@azure/functions";
import { note } from "./ledger.ts";

/** What timer functions were told, in order. */
export const ticks: { name: string; timer: Timer }[] = [];

const record = (name: string) => (timer: Timer) => {
  ticks.push({ name, timer });
  note(`tick ${name}`);
};

app.timer("everyMinute", { schedule: "%TEST_SCHEDULE%", handler: record("everyMinute") });

app.timer("everyTenSeconds", { schedule: "%TEST_FAST_SCHEDULE%", handler: record("everyTenSeconds") });

app.timer("failing", {
  schedule: "%TEST_SCHEDULE%",
  handler: () => {
    note("tick failing");
    throw new Error("this timer always fails");
  },
});

/** What functions with a retry policy were told of the tries before, in order. */
export const tries: { name: string; retry: RetryContext | undefined }[] = [];

/** Fails until it was tried so often. */
const triedUntil = (name: string, success: number) => (_timer: Timer, context: InvocationContext) => {
  tries.push({ name, retry: context.retryContext });
  const nth = (context.retryContext?.retryCount ?? 0) + 1;
  if (nth < success) throw new Error(`try ${nth} fails`);
};

app.timer("triesThrice", {
  schedule: "%TEST_SCHEDULE%",
  retry: { strategy: "fixedDelay", maxRetryCount: 2, delayInterval: { seconds: 5 } },
  handler: triedUntil("triesThrice", 4),
});

app.timer("triesUntilItWorks", {
  schedule: "%TEST_SCHEDULE%",
  retry: { strategy: "exponentialBackoff", maxRetryCount: -1, minimumInterval: 1000, maximumInterval: 4000 },
  handler: triedUntil("triesUntilItWorks", 6),
});
