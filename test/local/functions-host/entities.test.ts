import { EntityId } from "durable-functions";
import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { kept } from "../../functions-host/app/http.ts";
import { ledger } from "../../functions-host/app/ledger.ts";

const host = useFixture();

/** A signal by the management API, and whatever follows from it. */
async function signal(key: string, operation: string, input?: unknown, name = "counter"): Promise<number> {
  const answer = await host.manage(`entities/${name}/${encodeURIComponent(key)}?op=${operation}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    ...(input === undefined ? {} : { body: JSON.stringify(input) }),
  });
  await host.host.idle();
  return answer.status;
}

async function stateOf(key: string): Promise<unknown> {
  const answer = await host.manage(`entities/counter/${encodeURIComponent(key)}`);
  return answer.status === 404 ? "no such entity" : answer.json();
}

test("signals change an entity's state, in the order in which they came", async () => {
  expect(await stateOf("a")).toBe("no such entity");
  expect(await signal("a", "add", 3)).toBe(202);
  expect(await signal("a", "add", 4)).toBe(202);
  expect(await stateOf("a")).toEqual({ value: 7 });
});

test("an entity does one thing at a time, whoever asks", async () => {
  const ids = await Promise.all([1, 2, 3, 4].map(() => host.begin("counts", { key: "busy", times: 5 })));
  for (const id of ids) expect((await host.status(id)).runtimeStatus).toBe("Completed");
  const lines = ledger.filter((line) => line.startsWith("busy "));
  expect(lines).toEqual(Array.from({ length: 20 }, () => ["busy begins", "busy ends"]).flat());
  expect(await stateOf("busy")).toEqual({ value: 40 });
});

test("an entity signals another one, and itself", async () => {
  await signal("source", "add", 6);
  await signal("source", "copyTo", "copy");
  expect(await stateOf("copy")).toEqual({ value: 6 });
  await signal("down", "countDown", 120);
  expect(await stateOf("down")).toEqual({ value: 120 });
});

test("an entity that destroys itself is gone, and new when it is asked again", async () => {
  await signal("gone", "add", 1);
  await signal("gone", "delete");
  expect(await stateOf("gone")).toBe("no such entity");
  await signal("gone", "add", 2);
  expect(await stateOf("gone")).toEqual({ value: 2 });
});

test("an entity's error reaches its caller, whose flow goes on; the library loses its text", async () => {
  const { output } = await host.run("callsFailing", { operation: "fail" });
  expect(output).toEqual({ caught: "[object Object]", after: "after" });
  expect(host.logs.join()).toContain("operation fail of entity '@counter@");
});

test("a failing operation keeps what it had set before, as on Azure", async () => {
  await signal("broken", "add", 4);
  await signal("broken", "fail");
  expect(await stateOf("broken")).toEqual({ value: -1 });
});

test("an entity beyond functionTimeout fails its callers and keeps its state", async () => {
  const id = host.newId();
  await signal(id, "add", 4);
  const body = '{"operation":"hang"}';
  await host.manage(`orchestrators/callsFailing/${id}`, { method: "POST", body });
  await expect.poll(() => ledger.includes(`${id} hangs`)).toBe(true);
  await host.clock.advance(600_000, () => new Promise(setImmediate));
  await host.host.idle();
  expect((await host.status(id)).output).toMatchObject({
    caught: expect.stringContaining("Timeout value of 00:10:00 exceeded by function 'Functions.counter'"),
  });
  expect(await stateOf(id)).toEqual({ value: 4 });
});

test("a call under way holds up nobody's end", async () => {
  const id = host.newId();
  await host.manage(`orchestrators/leavesCall/${id}`, { method: "POST", body: '{"seconds":1}' });
  await expect.poll(() => ledger.includes(`${id} hangs`)).toBe(true);
  await host.clock.advance(1000, () => new Promise(setImmediate));
  await expect.poll(async () => (await host.status(id)).output).toBe("ended");
  await host.clock.advance(600_000, () => new Promise(setImmediate));
  await host.host.idle();
});

test("an unknown entity is refused by name, to HTTP callers and to orchestrations", async () => {
  expect(await signal("x", "add", 1, "nobody")).toBe(400);
  const status = await host.run("callsUnknownEntity", {});
  expect(status.output).toContain(
    "The function 'nobody' doesn't exist, is disabled, or is not an entity function.",
  );
});

test("names of entities match in any case, keys do not, and keys may hold anything", async () => {
  const key = "A key/with @ and Ä";
  await signal(key, "describe", { a: "ü" }, "COUNTER");
  expect(ledger).toContain(JSON.stringify({ name: "counter", key, input: { a: "ü" } }));
  await signal("case", "add", 1);
  expect(await stateOf("CASE")).toBe("no such entity");
});

test("an operation's input is JSON, or a text when the request says so", async () => {
  const post = (type: string, body: string) =>
    host.manage("entities/counter/typed?op=describe", {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
  expect((await post("application/json", "{")).status).toBe(400);
  expect((await post("text/plain", "plain words")).status).toBe(202);
  await host.host.idle();
  expect(ledger).toContain(JSON.stringify({ name: "counter", key: "typed", input: "plain words" }));
});

test("the list of entities comes in pages, with states when they are asked for", async () => {
  for (const n of [1, 2, 3, 4, 5]) await signal(`listed-${n}`, "add", n);
  const found: { entityId: { key: string }; lastOperationTime: string; state?: unknown }[] = [];
  let token = "";
  do {
    const answer = await host.manage("entities/Counter?fetchState=true&top=2", {
      headers: { "x-ms-continuation-token": token },
    });
    const page: typeof found = JSON.parse(await answer.text());
    expect(page.length).toBeLessThanOrEqual(2);
    found.push(...page);
    token = answer.headers.get("x-ms-continuation-token") ?? "";
  } while (token !== "");
  const listed = found.filter(({ entityId }) => entityId.key.startsWith("listed-"));
  expect(listed.map(({ entityId, state }) => [entityId.key, state])).toEqual(
    [1, 2, 3, 4, 5].map((value) => [`listed-${value}`, { value }]),
  );
});

test("the list of entities is filtered by the time of the last operation", async () => {
  await host.advance(3600);
  const from = new Date(host.clock.millis).toISOString();
  await signal("latest", "add", 1);
  const list = async (query: string) => {
    const answer = await host.manage(`entities?${query}`);
    const found: unknown[] = JSON.parse(await answer.text());
    return found;
  };
  expect(await list(`lastOperationTimeFrom=${from}`)).toEqual([
    { entityId: { name: "counter", key: "latest" }, lastOperationTime: from },
  ]);
  expect(await list("lastOperationTimeTo=2029-01-01T00:00:00Z")).toEqual([]);
  expect((await host.manage("entities?top=none")).status).toBe(400);
});

test.each([
  ["POST", "entities/counter", 404],
  ["PUT", "entities/counter/a", 404],
])("%s %s answers %i", async (method, target, status) => {
  expect((await host.manage(target, { method })).status).toBe(status);
});

test("the client of the app signals entities and reads their state", async () => {
  await host.fetch("/client", { method: "POST" });
  const entity = new EntityId("counter", "by-client");
  expect(await kept.client?.readEntityState(entity)).toMatchObject({ entityExists: false });
  await kept.client?.signalEntity(entity, "add", 8);
  await host.host.idle();
  expect(await kept.client?.readEntityState(entity)).toMatchObject({
    entityExists: true,
    entityState: { value: 8 },
  });
});

test("entities and what they are asked for survive a restart of the host", async () => {
  await signal("kept", "add", 2);
  const answer = await host.manage("entities/counter/kept?op=add", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "40",
  });
  expect(answer.status).toBe(202);
  await host.stop();
  await host.start();
  await host.host.idle();
  expect(await stateOf("kept")).toEqual({ value: 42 });
});

test("the history shows what was sent to entities", async () => {
  const { instanceId } = await host.run("counts", { key: "shown", times: 1 });
  const { historyEvents } = await host.status(instanceId, "showHistory=true&showHistoryOutput=true");
  expect(historyEvents?.map((event) => event["EventType"])).toEqual([
    "ExecutionStarted",
    "EventSent",
    "EventRaised",
    "EventSent",
    "EventRaised",
    "ExecutionCompleted",
  ]);
  expect(historyEvents?.[1]).toMatchObject({ Name: "op", InstanceId: "@counter@shown" });
});
