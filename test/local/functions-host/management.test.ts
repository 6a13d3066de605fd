import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { kept } from "../../functions-host/app/http.ts";

const host = useFixture();

async function client() {
  const answer = await host.fetch("/client", { method: "POST" });
  expect(answer.status).toBe(200);
  if (!kept.client) throw new Error("no client");
  return kept.client;
}

test("starting answers 202 with links that lead back", async () => {
  const answer = await host.manage("orchestrators/chain/links", { method: "POST", body: '{"steps":1}' });
  expect(answer.status).toBe(202);
  const links: Record<string, string> = JSON.parse(await answer.text());
  expect(links).toMatchObject({ id: "links" });
  expect(answer.headers.get("location")).toBe(links["statusQueryGetUri"]);
  await host.host.idle();
  expect((await fetch(links["statusQueryGetUri"] ?? "")).status).toBe(200);
});

test("a live instance has its id to itself, an ended one makes room", async () => {
  await host.begin("waits", {}, "taken");
  const again = await host.manage("orchestrators/chain/taken", { method: "POST", body: '{"steps":2}' });
  expect(again.status).toBe(409);
  await host.command("taken", "terminate");
  expect(await host.run("chain", { steps: 2 }, "taken")).toMatchObject({ name: "chain", output: 2 });
});

test.each(["@entity", "a%2Fb", "a%5Cb", "a%23b", "a%3Fb", "a%07b", "x".repeat(257)])(
  "the instance id %j is refused",
  async (id) => {
    expect((await host.manage(`orchestrators/chain/${id}`, { method: "POST" })).status).toBe(400);
  },
);

test.each([
  ["an unknown orchestrator", "orchestrators/nobody", "{}", 400],
  ["a body that is not JSON", "orchestrators/chain", "{", 400],
  ["an event for nobody", "instances/nobody/raiseEvent/x", "{}", 404],
  ["a command for nobody", "instances/nobody/terminate", "", 404],
  ["an unknown command", "instances/nobody/dance", "", 404],
  ["an unknown collection", "things", "", 404],
  ["a broken escape", "instances/%E0%A4%A/terminate", "", 400],
])("%s is answered with its own status", async (_, target, body, status) => {
  const headers = { "content-type": "application/json" };
  expect((await host.manage(target, { method: "POST", headers, body })).status).toBe(status);
});

test("events must be JSON by content type and content", async () => {
  const id = await host.begin("waits", {});
  const raise = (type: string, body: string) =>
    host.manage(`instances/${id}/raiseEvent/first`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
  expect((await raise("text/plain", "1")).status).toBe(400);
  expect((await raise("application/json", "{")).status).toBe(400);
  expect((await raise("application/json", "")).status).toBe(202);
});

test("the management API asks for its key", async () => {
  expect((await host.fetch("/runtime/webhooks/durabletask/instances")).status).toBe(401);
  expect((await host.fetch("/runtime/webhooks/durabletask/instances?code=wrong")).status).toBe(401);
});

test("the status of nobody is 404, of a live instance 202, of an ended one 200", async () => {
  expect((await host.manage("instances/nobody")).status).toBe(404);
  const id = await host.begin("waits", {});
  const answer = await host.manage(`instances/${id}`);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([202, "5"]);
  await host.command(id, "terminate");
  expect((await host.manage(`instances/${id}`)).status).toBe(200);
});

test("a failed instance answers 500 when that is asked for", async () => {
  const { instanceId } = await host.run("throws", {});
  const answer = await host.manage(`instances/${instanceId}?returnInternalServerErrorOnFailure=true`);
  expect(answer.status).toBe(500);
});

test("history is shown when asked for, results of it only when asked for too", async () => {
  const { instanceId } = await host.run("chain", { steps: 1 });
  expect((await host.status(instanceId)).historyEvents).toBeUndefined();
  const short = await host.status(instanceId, "showHistory=true");
  expect(short.historyEvents?.map((event) => event["EventType"])).toEqual([
    "ExecutionStarted",
    "TaskScheduled",
    "TaskCompleted",
    "ExecutionCompleted",
  ]);
  expect(short.historyEvents?.some((event) => "Result" in event)).toBe(false);
  const full = await host.status(instanceId, "showHistory=true&showHistoryOutput=true&showInput=false");
  expect(full.historyEvents?.at(-1)).toMatchObject({ Result: "1" });
  expect(full.input).toBeNull();
});

test("the list of instances comes in pages, each instance once", async () => {
  for (let i = 0; i < 7; i++) await host.begin("chain", { steps: 1 }, `page-${i}`);
  const ids: string[] = [];
  let token = "";
  do {
    const answer = await host.manage("instances?instanceIdPrefix=page-&top=3", {
      headers: { "x-ms-continuation-token": token },
    });
    const page: { instanceId: string }[] = JSON.parse(await answer.text());
    expect(page.length).toBeLessThanOrEqual(3);
    ids.push(...page.map((instance) => instance.instanceId));
    token = answer.headers.get("x-ms-continuation-token") ?? "";
  } while (token !== "");
  expect(ids.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `page-${i}`));
});

test.each(["runtimeStatus=Sleeping", "createdTimeFrom=yesterday", "top=0", "top=many"])(
  "the bad query %s is refused",
  async (query) => {
    expect((await host.manage(`instances?${query}`)).status).toBe(400);
  },
);

test("a continuation token that is not ours is refused", async () => {
  const headers = { "x-ms-continuation-token": "bm90IG91cnM" };
  expect((await host.manage("instances", { headers })).status).toBe(400);
});

test("the list is filtered by status and by time of creation", async () => {
  await host.advance(3600);
  await host.begin("waits", {}, "filter-live");
  await host.begin("chain", { steps: 1 }, "filter-done");
  const from = new Date(host.clock.millis).toISOString();
  const list = async (query: string) => {
    const answer = await host.manage(`instances/?${query}`);
    const found: { instanceId: string }[] = JSON.parse(await answer.text());
    return found.map((instance) => instance.instanceId).toSorted();
  };
  expect(await list(`createdTimeFrom=${from}`)).toEqual(["filter-done", "filter-live"]);
  expect(await list(`createdTimeFrom=${from}&runtimeStatus=running,pending`)).toEqual(["filter-live"]);
  expect(await list(`createdTimeTo=2029-01-01T00:00:00Z`)).toEqual([]);
});

test("purge takes one instance, or all ended ones of a filter", async () => {
  await host.begin("chain", { steps: 1 }, "purge-1");
  await host.begin("chain", { steps: 1 }, "purge-2");
  await host.begin("waits", {}, "purge-3");
  const purge = (target: string) => host.manage(target, { method: "DELETE" });
  expect(await (await purge("instances/purge-1")).json()).toEqual({ instancesDeleted: 1 });
  expect((await purge("instances/purge-1")).status).toBe(404);
  const answer = await purge("instances?instanceIdPrefix=purge-");
  expect(await answer.json()).toEqual({ instancesDeleted: 1 });
  expect((await host.status("purge-3")).runtimeStatus).toBe("Running");
});

test("a purged instance's late answers do no harm", async () => {
  await host.begin("sleeps", { seconds: 10 }, "purged-early");
  await host.manage("instances/purged-early", { method: "DELETE" });
  await host.advance(20);
  expect((await host.manage("instances/purged-early")).status).toBe(404);
});

test("restart begins again with the same input, under a new id or the same", async () => {
  await host.begin("chain", { steps: 3 }, "restarted");
  const answer = await host.manage("instances/restarted/restart", { method: "POST" });
  const { id }: { id: string } = JSON.parse(await answer.text());
  await host.host.idle();
  expect(id).not.toBe("restarted");
  expect((await host.status(id)).output).toBe(3);
  const same = "instances/restarted/restart?restartWithNewInstanceId=false";
  expect((await host.manage(same, { method: "POST" })).status).toBe(202);
});

test("the client of the app starts, raises, waits and reads status", async () => {
  const c = await client();
  const id = await c.startNew("waits", { instanceId: "by-client", input: { a: 1 } });
  expect(id).toBe("by-client");
  await c.raiseEvent(id, "first", { n: 1 });
  await c.raiseEvent(id, "second", [2]);
  await host.host.idle();
  expect(await c.getStatus(id)).toMatchObject({
    runtimeStatus: "Completed",
    input: { a: 1 },
    output: { first: { n: 1 }, second: [2] },
  });
});

test("the client suspends, resumes, terminates, rewinds, lists and purges", async () => {
  const c = await client();
  const id = await c.startNew("waits", { instanceId: "client-2" });
  await c.suspend(id, "hold on");
  await host.host.idle();
  expect((await c.getStatus(id)).runtimeStatus).toBe("Suspended");
  await c.resume(id, "go on");
  await c.terminate(id, "enough now");
  await host.host.idle();
  expect((await c.getStatus(id)).output).toBe("enough now");
  await expect(c.rewind(id, "why not")).rejects.toThrow("only supported on failed");
  const all = await c.getStatusAll();
  expect(all.map((status) => status.instanceId)).toContain(id);
  expect(await c.purgeInstanceHistory(id)).toMatchObject({ instancesDeleted: 1 });
  expect(await c.purgeInstanceHistory(id)).toMatchObject({ instancesDeleted: 0 });
  await expect(c.getStatus(id)).rejects.toThrow("404");
});

test("the client reads more instances than one page holds", async () => {
  const c = await client();
  for (let i = 0; i < 120; i++) await c.startNew("withClient", { instanceId: `many-${i}` });
  await host.host.idle();
  const all = await c.getStatusAll();
  expect(all.filter((status) => status.instanceId.startsWith("many-"))).toHaveLength(120);
});

test("starting an instance twice rejects in the client", async () => {
  const c = await client();
  await c.startNew("waits", { instanceId: "twice" });
  await expect(c.startNew("waits", { instanceId: "twice" })).rejects.toThrow("409");
});

test("without input an orchestration gets an empty text, as on Azure", async () => {
  const c = await client();
  const id = await c.startNew("withClient");
  await host.host.idle();
  expect((await c.getStatus(id)).output).toBe("");
});

test("links made by the client lead to the public address", async () => {
  const answer = await host.fetch("/client", { method: "POST" });
  const links: Record<string, string> = JSON.parse(await answer.text());
  expect(links["statusQueryGetUri"]).toContain(
    `${host.host.url}/runtime/webhooks/durabletask/instances/some-id`,
  );
});

test("an HTTP function starts an orchestration and answers with links", async () => {
  const answer = await host.fetch("/start/chain/from-http", { method: "POST", body: '{"steps":3}' });
  expect(answer.status).toBe(202);
  await host.host.idle();
  const status = await fetch(answer.headers.get("location") ?? "");
  expect(await status.json()).toMatchObject({ instanceId: "from-http", output: 3 });
});

test("an HTTP function can wait for an orchestration's end", async () => {
  const answer = await host.fetch("/wait/chain", { method: "POST", body: '{"steps":4}' });
  expect([answer.status, await answer.json()]).toEqual([200, 4]);
});
