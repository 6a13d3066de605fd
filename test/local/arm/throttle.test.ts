import { afterEach, expect, test } from "vitest";
import { VirtualClock } from "../functions-host/virtual-clock.ts";
import { ARM_AUDIENCE, NORTH, OPERATOR, type TestBox, groupId, idOf, startBox } from "./fixture.ts";

const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));
const VM = `${idOf("g", "Microsoft.Compute/virtualMachines", "vm")}?api-version=2024-07-01`;
const GROUP = `${groupId("g")}?api-version=2024-07-01`;

const open: TestBox[] = [];
afterEach(async () => {
  for (const box of open.splice(0)) await box.close();
});

async function start() {
  const clock = new VirtualClock(new Date().toISOString());
  const box = await startBox({ clock, config: { throttling: true } });
  open.push(box);
  const authorization = `Bearer ${await box.token(OPERATOR.secret, ARM_AUDIENCE)}`;
  const call = (method: string, path: string, body?: object) =>
    box.call(method, path, { authorization }, body);
  await call("PUT", GROUP, { location: NORTH });
  return { box, clock, call };
}

test("a machine is read 36 times at once, then twelve times a minute, whoever asks for others", async () => {
  const { clock, call } = await start();
  for (let n = 0; n < 36; n++) expect((await call("GET", VM)).status).toBe(404);
  expect(await call("GET", VM)).toMatchObject({
    status: 429,
    headers: {
      "retry-after": "5",
      "x-ms-failure-cause": "service",
      "x-ms-ratelimit-remaining-resource": "vmReads;0",
    },
    body: { error: { code: "TooManyRequests" } },
  });
  expect((await call("GET", VM.replace("/vm?", "/other?"))).status).toBe(404);
  await clock.advance(5_000, settle);
  expect((await call("GET", VM)).status).toBe(404);
  expect((await call("GET", VM)).status).toBe(429);
});

test("Resource Manager takes 250 reads at once and 25 more each second, and says what is left", async () => {
  const { clock, call } = await start();
  expect((await call("GET", GROUP)).headers["x-ms-ratelimit-remaining-subscription-reads"]).toBe("249");
  for (let n = 0; n < 249; n++) expect((await call("GET", GROUP)).status).toBe(200);
  expect(await call("GET", GROUP)).toMatchObject({
    status: 429,
    headers: { "retry-after": "1", "x-ms-failure-cause": "gateway" },
    body: { error: { code: "SubscriptionRequestsThrottled" } },
  });
  expect((await call("PUT", GROUP, { location: NORTH })).status).toBe(200);
  await clock.advance(1_000, settle);
  for (let n = 0; n < 25; n++) expect((await call("GET", GROUP)).status).toBe(200);
  expect((await call("GET", GROUP)).status).toBe(429);
});

test("an operation is asked for 45 times at once, and a deallocation counts as an end of its machine", async () => {
  const { call } = await start();
  const base = GROUP.split("/resourceGroups")[0] ?? "";
  const operation = `${base}/providers/Microsoft.Compute/locations/${NORTH}/operations/x?api-version=2024-07-01`;
  for (let n = 0; n < 45; n++) expect((await call("GET", operation)).status).toBe(404);
  expect((await call("GET", operation)).status).toBe(429);
  const stop = VM.replace("/vm?", "/vm/deallocate?");
  for (let n = 0; n < 12; n++) expect((await call("POST", stop)).status).toBe(404);
  expect((await call("DELETE", VM)).status).toBe(429);
  expect((await call("POST", VM.replace("/vm?", "/vm/start?"))).status).toBe(404);
});

test("a fault may let calls pass first, and may break the connection before anything is done", async () => {
  const { box } = await start();
  await box.admin("POST", "/box/faults", { kind: "drop", method: "PUT", path: "/resourceGroups/", skip: 1 });
  await box.client.put(groupId("first"), { location: NORTH });
  await expect(box.client.put(groupId("second"), { location: NORTH })).rejects.toMatchObject({
    code: "ArmUnavailable",
  });
  expect(await box.client.find(groupId("second"))).toBeUndefined();
  expect((await box.client.put(groupId("second"), { location: NORTH })).status).toBe(201);
});
