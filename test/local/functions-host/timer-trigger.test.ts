import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { times } from "../../functions-host/app/ledger.ts";
import { ticks, tries } from "../../functions-host/app/timers.ts";

process.env["TEST_SCHEDULE"] = "0 * * * * *";
process.env["TEST_FAST_SCHEDULE"] = "*/10 * * * * *";
const host = useFixture();
const ticksOf = (name: string) => ticks.filter((tick) => tick.name === name).map((tick) => tick.timer);

test("a timer function runs by the schedule of its setting, not at start", async () => {
  expect(ticksOf("everyMinute")).toHaveLength(0);
  await host.advance(59);
  expect(ticksOf("everyMinute")).toHaveLength(0);
  await host.advance(1);
  expect(ticksOf("everyMinute")).toHaveLength(1);
  await host.advance(180);
  expect(ticksOf("everyMinute")).toHaveLength(4);
});

test("it is told its status", () => {
  expect(ticksOf("everyMinute").at(-1)).toMatchObject({
    isPastDue: false,
    schedule: { adjustForDST: true },
    scheduleStatus: { last: "2030-01-01T00:03:00.000Z", next: "2030-01-01T00:04:00.000Z" },
  });
});

test("a timer that fails runs again at its next time", async () => {
  const before = times("tick failing");
  await host.advance(120);
  expect(times("tick failing")).toBe(before + 2);
  expect(host.logs.join()).toContain("this timer always fails");
});

const triesOf = (name: string) => tries.filter((tried) => tried.name === name).map(({ retry }) => retry);

/** When whatever the last minute has begun is over. */
async function toMidMinute(): Promise<void> {
  await host.advance(90 - ((host.clock.millis / 1000) % 60));
  tries.length = 0;
}

test("a retry policy with a fixed delay tries again after it, and says which try it is and why", async () => {
  await toMidMinute();
  await host.advance(30);
  expect(triesOf("triesThrice")).toEqual([undefined]);
  await host.advance(4);
  expect(triesOf("triesThrice")).toHaveLength(1);
  await host.advance(1);
  expect(triesOf("triesThrice")[1]).toEqual({
    retryCount: 1,
    maxRetryCount: 2,
    exception: { message: "try 1 fails", stackTrace: expect.stringContaining("timers.ts") },
  });
  await host.advance(50);
  expect(triesOf("triesThrice").map((retry) => retry?.retryCount)).toEqual([undefined, 1, 2]);
  await host.advance(5);
  expect(triesOf("triesThrice").map((retry) => retry?.retryCount)).toEqual([undefined, 1, 2, undefined]);
});

test("a retry policy with a backoff tries until it works, and the next run has a new count", async () => {
  await toMidMinute();
  await host.advance(60 * 3);
  const counts = triesOf("triesUntilItWorks").map((retry) => retry?.retryCount);
  expect(counts.filter((count) => count === 5).length).toBeGreaterThanOrEqual(2);
  expect(counts.filter((count) => count === undefined).length).toBeGreaterThanOrEqual(2);
  expect(Math.max(...counts.map((count) => count ?? 0))).toBe(5);
});

test("a run that is stopped between two tries is made up for, past due, from its first try on", async () => {
  await toMidMinute();
  await host.advance(30);
  expect(triesOf("triesThrice")).toHaveLength(1);
  await host.stop();
  await host.clock.advance(20_000, () => Promise.resolve());
  await host.start();
  await host.host.idle();
  expect(triesOf("triesThrice")).toEqual([undefined, undefined]);
});

test("an interval under a minute keeps no status", async () => {
  const before = ticksOf("everyTenSeconds").length;
  await host.advance(30);
  expect(ticksOf("everyTenSeconds")).toHaveLength(before + 3);
});

test("a run missed while the host was down is made up for once, past due", async () => {
  const before = ticksOf("everyMinute").length;
  await host.stop();
  await host.clock.advance(600_000, () => Promise.resolve());
  await host.start();
  await host.host.idle();
  expect(ticksOf("everyMinute")).toHaveLength(before + 1);
  expect(ticksOf("everyMinute").at(-1)?.isPastDue).toBe(true);
  await host.advance(60);
  expect(ticksOf("everyMinute").at(-1)?.isPastDue).toBe(false);
});

test("after a change of the schedule nothing is past due", async () => {
  const before = ticksOf("everyMinute").length;
  await host.stop();
  process.env["TEST_SCHEDULE"] = "0 0 3 * * *";
  await host.clock.advance(600_000, () => Promise.resolve());
  await host.start();
  await host.host.idle();
  expect(ticksOf("everyMinute")).toHaveLength(before);
});

test("the admin route runs a timer function by hand, for the master key", async () => {
  const before = ticksOf("everyMinute").length;
  const fire = (key: string) =>
    host.fetch("/admin/functions/everyMinute", { method: "POST", headers: { "x-functions-key": key } });
  expect((await fire(host.host.keys.function)).status).toBe(401);
  expect((await fire(host.host.keys.master)).status).toBe(202);
  await host.host.idle();
  expect(ticksOf("everyMinute")).toHaveLength(before + 1);
});
