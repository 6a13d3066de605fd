import { app, type Timer } from "@azure/functions";
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
