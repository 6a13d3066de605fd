import { expect, test } from "vitest";
import { useFixture } from "./fixture.ts";
import { ledger, times } from "../../functions-host/app/ledger.ts";

const host = useFixture();

/** How often each level was passed, the lowest one first. */
const passes = (key: string): number[] => [0, 1, 2].map((depth) => times(`${key} level ${depth}`));

test("rewind runs only what failed again", async () => {
  const id = await host.begin("rewindable", { first: 1000 });
  await host.advance(1);
  expect((await host.status(id)).runtimeStatus).toBe("Failed");
  expect(await host.command(id, "rewind")).toBe(202);
  await host.advance(1);
  expect(await host.status(id)).toMatchObject({ runtimeStatus: "Completed", output: `${id} after 4` });
  expect(ledger.filter((line) => line === `${id} before`)).toHaveLength(1);
});

test("rewind goes down into failed sub-orchestrations: none of them begins anew", async () => {
  const id = host.newId();
  const input = { key: id, depth: 2, failures: 1, attempts: 1 };
  expect((await host.run("rewindTree", input, id)).runtimeStatus).toBe("Failed");
  expect(await host.command(id, "rewind")).toBe(202);
  expect(await host.status(id)).toMatchObject({ runtimeStatus: "Completed", output: `${id} after 2` });
  expect(passes(id)).toEqual([1, 1, 1]);
});

test("of a retried sub-orchestration the last attempt is rewound", async () => {
  const id = host.newId();
  await host.begin("rewindTree", { key: id, depth: 1, failures: 3, attempts: 3 }, id);
  await host.advance(10);
  expect((await host.status(id)).runtimeStatus).toBe("Failed");
  expect(passes(id)).toEqual([3, 1, 0]);
  await host.command(id, "rewind");
  expect(await host.status(id)).toMatchObject({ runtimeStatus: "Completed", output: `${id} after 4` });
  expect(passes(id)).toEqual([3, 1, 0]);
});

test("what fails once more after a rewind can be rewound once more", async () => {
  const id = await host.begin("rewindPair", {});
  expect((await host.status(id)).runtimeStatus).toBe("Failed");
  await host.command(id, "rewind");
  expect((await host.status(id)).runtimeStatus).toBe("Failed");
  await host.command(id, "rewind");
  expect(await host.status(id)).toMatchObject({
    runtimeStatus: "Completed",
    output: [`${id}/1 after 2`, `${id}/2 after 3`],
  });
  expect([1, 2].map((n) => times(`${id}/${n} level 0`))).toEqual([1, 1]);
});

test("a failed sub-orchestration that was purged runs anew", async () => {
  const id = host.newId();
  await host.begin("rewindTree", { key: id, depth: 1, failures: 1, attempts: 1 }, id);
  const { historyEvents } = await host.status(id, "showHistory=true");
  const child = historyEvents?.find((event) => event["EventType"] === "SubOrchestrationInstanceCreated");
  await host.manage(`instances/${String(child?.["InstanceId"])}`, { method: "DELETE" });
  await host.command(id, "rewind");
  expect((await host.status(id)).output).toBe(`${id} after 2`);
  expect(passes(id)).toEqual([2, 1, 0]);
});

test("a rewind survives a restart of the host", async () => {
  const id = host.newId();
  await host.begin("rewindTree", { key: id, depth: 2, failures: 1, attempts: 1 }, id);
  const answer = await host.manage(`instances/${id}/rewind?reason=x`, { method: "POST" });
  expect(answer.status).toBe(202);
  await host.stop();
  await host.start();
  await host.host.idle();
  expect((await host.status(id)).output).toBe(`${id} after 2`);
  expect(passes(id)).toEqual([1, 1, 1]);
});

test("only a failed instance can be rewound", async () => {
  const { instanceId } = await host.run("chain", { steps: 1 });
  expect(await host.command(instanceId, "rewind")).toBe(412);
});
