import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { times } from "../../functions-host/app/ledger.ts";

const host = useFixture();

test("a durable timer wakes its orchestration when its time has come, not before", async () => {
  const id = await host.begin("sleeps", { seconds: 3600 });
  await host.advance(3599);
  expect((await host.status(id)).runtimeStatus).toBe("Running");
  await host.advance(1);
  expect(await host.status(id)).toMatchObject({ runtimeStatus: "Completed", output: 3600 });
});

test("a timer of twenty days is made of pieces and ends to the second", async () => {
  const id = await host.begin("sleeps", { seconds: 20 * 86_400 });
  await host.advance(20 * 86_400 - 1);
  expect((await host.status(id)).runtimeStatus).toBe("Running");
  await host.advance(1);
  expect((await host.status(id)).output).toBe(20 * 86_400);
  const { historyEvents } = await host.status(id, "showHistory=true");
  // three days at a time while more than six are left: 3, 3, 3, 3, 3 and the last 5
  expect(historyEvents?.filter((event) => event["EventType"] === "TimerFired")).toHaveLength(6);
});

test("timers go on after the host was stopped over their time", async () => {
  const id = await host.begin("sleeps", { seconds: 60 });
  await host.stop();
  await host.clock.advance(90_000, () => Promise.resolve());
  await host.start();
  await host.host.idle();
  expect(await host.status(id)).toMatchObject({ runtimeStatus: "Completed", output: 90 });
});

test("events that come before they are waited for are kept in order", async () => {
  const id = await host.begin("waits", {});
  await host.raise(id, "second", "early");
  await host.raise(id, "second", "second early");
  await host.raise(id, "first", 1);
  expect((await host.status(id)).output).toEqual({ first: 1, second: "early" });
});

test("ten events of one name are each taken once, in order", async () => {
  const id = await host.begin("collects", { count: 10 });
  await Promise.all(Array.from({ length: 10 }, (_, i) => host.raise(id, "item", i)));
  const { output } = await host.status(id);
  expect(output).toHaveLength(10);
  expect(new Set(Array.isArray(output) ? output : [])).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
});

test("a timer that is not cancelled keeps the instance Running until it fires", async () => {
  const id = await host.begin("forgetsTimer", { seconds: 3600 });
  expect((await host.status(id)).runtimeStatus).toBe("Running");
  await host.advance(3600);
  expect(await host.status(id)).toMatchObject({ runtimeStatus: "Completed", output: "done" });
});

test("retries wait longer each time, up to their limit, and then succeed", async () => {
  const id = await host.begin("retry", { key: "patient", failures: 4, attempts: 6, first: 1000 });
  const seen: number[] = [];
  for (let second = 0; second <= 12; second++) {
    seen.push(times("patient"));
    await host.advance(1);
  }
  // at 0, then after 1, 2, 4 and 5 (8, were it not for the limit) seconds more
  expect(seen).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]);
  expect((await host.status(id)).output).toBe("patient after 5");
});

test("when all attempts failed the last error comes out, without another wait", async () => {
  const id = await host.begin("retry", { key: "hopeless", failures: 9, attempts: 3, first: 1000 });
  await host.advance(3);
  const status = await host.status(id);
  expect(status.runtimeStatus).toBe("Failed");
  expect(status.output).toContain("failure 3 of hopeless");
  expect(times("hopeless")).toBe(3);
});

test("events wait for the generation that takes them", async () => {
  const id = await host.begin("generations", { left: 3, seen: 0, events: true, items: [] });
  for (const item of ["a", "b", "c"]) await host.raise(id, "item", item);
  expect((await host.status(id)).output).toEqual({ generations: 3, items: ["a", "b", "c"] });
});

test("events in the same turn as continueAsNew, after it, go to the next generation", async () => {
  const id = await host.begin("generations", { left: 3, seen: 0, events: true, items: [] });
  await host.command(id, "suspend");
  for (const item of ["a", "b", "c"]) await host.raise(id, "item", item);
  await host.command(id, "resume");
  expect((await host.status(id)).output).toEqual({ generations: 3, items: ["a", "b", "c"] });
});

test("events keep their order over generations, whether they wait in the inbox or came with a turn", async () => {
  const id = await host.begin("gathers", []);
  const items = [...Array.from({ length: 40 }, (_, i) => i + 1), 0];
  for (const item of items)
    await host.manage(`instances/${id}/raiseEvent/item`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(item),
    });
  await host.host.idle();
  expect((await host.status(id)).output).toEqual(items.slice(0, -1));
});

test("a delivered event that nobody took is lost by continueAsNew, as on Azure, with a warning", async () => {
  const id = await host.begin("losesEvents", {});
  await host.raise(id, "unread", 1);
  await host.raise(id, "go", 1);
  expect((await host.status(id)).output).toBe("second");
  expect(host.logs.join()).toContain(`continueAsNew of losesEvents '${id}' loses the events unread`);
});

test("an eternal orchestration is woken by events and by its timer", async () => {
  const id = await host.begin("eternal", { woken: 0, ticks: 0, seconds: 60 });
  await host.advance(60);
  await host.raise(id, "wake", "go on");
  await host.advance(180);
  await host.raise(id, "wake", "stop");
  expect(await host.status(id)).toMatchObject({
    runtimeStatus: "Completed",
    output: { woken: 1, ticks: 4 },
  });
});

test("suspend holds events, answers and timers; resume gives them in order", async () => {
  const waiting = await host.begin("waits", {});
  const sleeping = await host.begin("sleeps", { seconds: 10 });
  for (const id of [waiting, sleeping]) expect(await host.command(id, "suspend")).toBe(202);
  await host.raise(waiting, "first", 1);
  await host.raise(waiting, "second", 2);
  await host.advance(60);
  for (const id of [waiting, sleeping]) expect((await host.status(id)).runtimeStatus).toBe("Suspended");
  for (const id of [waiting, sleeping]) await host.command(id, "resume");
  expect((await host.status(waiting)).output).toEqual({ first: 1, second: 2 });
  expect((await host.status(sleeping)).output).toBe(60);
});

test("a suspended instance is suspended still after a restart of the host", async () => {
  const id = await host.begin("sleeps", { seconds: 10 });
  await host.command(id, "suspend");
  await host.stop();
  await host.start();
  await host.advance(60);
  expect((await host.status(id)).runtimeStatus).toBe("Suspended");
  await host.command(id, "resume");
  expect((await host.status(id)).runtimeStatus).toBe("Completed");
});
