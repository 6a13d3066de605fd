import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { doors } from "../../functions-host/app/activities.ts";
import { ledger, times } from "../../functions-host/app/ledger.ts";

const host = useFixture();

test("a fan-out of 200 activities comes back together", async () => {
  expect(await host.run("fanOut", { width: 200 })).toMatchObject({ output: 199 * 200 });
});

test("Task.all fails with its first error while the siblings still run to their end", async () => {
  expect(await host.run("failingBranch", {})).toMatchObject({
    runtimeStatus: "Completed",
    output: "hello first",
  });
  expect(times("sibling")).toBe(1);
});

test("an instance stays Running until the slower one of Task.any has ended too", async () => {
  const answer = await host.manage("orchestrators/race/race-1", { method: "POST" });
  expect(answer.status).toBe(202);
  await expect.poll(() => doors.has("race race-1")).toBe(true);
  await expect.poll(async () => (await host.status("race-1")).runtimeStatus).toBe("Running");
  doors.get("race race-1")?.();
  await host.host.idle();
  expect(await host.status("race-1")).toMatchObject({ runtimeStatus: "Completed", output: "quick" });
});

test("a result of five million characters passes, with a warning", async () => {
  expect(await host.run("givesLarge", { size: 5_000_000 })).toMatchObject({ output: 5_000_000 });
  expect(host.logs.join()).toContain("the result of activity large has 5000002 characters");
});

test("whatever is beyond 60 KB is warned of by name: input, event and output", async () => {
  const large = "x".repeat(61 * 1024);
  const id = await host.begin("waits", { large });
  await host.raise(id, "first", large);
  await host.raise(id, "second", "small");
  expect((await host.status(id)).output).toEqual({ first: large, second: "small" });
  const logs = host.logs.join();
  expect(logs).toContain("the input of orchestration waits has 62476 characters");
  expect(logs).toContain("the event first to orchestration waits has 62466 characters");
  expect(logs).toContain("the output of orchestration waits has 62493 characters");
  expect(logs).not.toContain("the event second");
});

test("an input and an event of three million characters pass", async () => {
  const large = "x".repeat(3_000_000);
  const id = await host.begin("waits", { large });
  await host.raise(id, "first", large);
  await host.raise(id, "second", 2);
  expect(await host.status(id)).toMatchObject({ input: { large }, output: { first: large, second: 2 } });
});

test("replay is told from the first run, and time and ids stay the same", async () => {
  const id = await host.begin("replays", { seconds: 60 });
  await host.advance(60);
  const status = await host.status(id);
  expect(status.output).toMatchObject({ waited: 60_000 });
  expect(ledger.filter((line) => line.startsWith(`${id} `))).toEqual([`${id} first`, `${id} second`]);
});

test("yielding a pending task again is warned of, by name", async () => {
  await host.begin("yieldsTwice", {});
  expect(host.logs.join()).toContain("orchestrator yieldsTwice yields a pending task again");
});

test("an activity beyond functionTimeout fails, and the orchestration goes on", async () => {
  const id = host.newId();
  await host.manage(`orchestrators/timesOut/${id}`, { method: "POST" });
  await expect.poll(() => doors.has(`timeout ${id}`)).toBe(true);
  await host.clock.advance(600_000, () => new Promise(setImmediate));
  await host.host.idle();
  expect((await host.status(id)).output).toContain(
    "Activity function 'door' failed: Timeout value of 00:10:00 exceeded by function 'Functions.door'",
  );
});
