import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { QueueServiceClient } from "@azure/storage-queue";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../../../engine/core/clock.ts";
import { millis } from "../../../engine/core/units.ts";
import { startAzurite } from "../../../local/azurite/azurite.ts";
import { injectCoreApi, type RegisteredFunction } from "../../../local/functions-host/core-api.ts";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import { Invoker } from "../../../local/functions-host/invocation.ts";
import { type QueueSettings, QueueTrigger } from "../../../local/functions-host/queue-trigger.ts";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import { testCredential } from "../../fixtures/region.ts";

injectCoreApi();
const { taken } = await import("./queue-app/main.ts");

const APP = path.join(import.meta.dirname, "queue-app");
const logs: string[] = [];
const endings: (() => Promise<void>)[] = [];
let service: QueueServiceClient;
/** File of the certificate that signed Azurite's. */
let authority: string;
let host: Host;

beforeAll(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "functions-queue-"));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  const certificates = await ensureCertificates(path.join(directory, "tls"));
  authority = certificates.ca;
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), await readFile(authority, "utf8")]);
  const azurite = await startAzurite({
    directory: path.join(directory, "azurite"),
    accounts: ["shop"],
    tls: certificates,
    log: path.join(directory, "azurite.log"),
  });
  endings.push(() => azurite.stop());
  service = new QueueServiceClient(azurite.queueEndpoint("shop"), testCredential());
  await service.createQueue("orders");
  process.env["IDENTITY_ENDPOINT"] = await identity();
  process.env["IDENTITY_HEADER"] = "secret";
  process.env["ORDERS"] = "orders";
  process.env["Shop__queueServiceUri"] = azurite.queueEndpoint("shop");
  host = await startHost({
    app: APP,
    data: path.join(directory, "host"),
    port: 0,
    log: ({ level, message }) => logs.push(`${level} ${message}`),
  });
  endings.push(() => host.stop());
});
afterAll(async () => {
  for (const end of endings.toReversed()) await end();
});

/** What a managed identity asks on Azure. */
async function identity(): Promise<string> {
  const server = createServer((_request, response) => {
    void testCredential()
      .getToken("")
      .then((token) => {
        const expires_on = String(Math.floor((token?.expiresOnTimestamp ?? 0) / 1000));
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ access_token: token?.token, expires_on, token_type: "Bearer" }));
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endings.push(async () => void server.close());
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}/msi/token`;
}

const textOf = (text: string) => Buffer.from(text).toString("base64");
const send = (text: string, queue = "orders") => service.getQueueClient(queue).sendMessage(textOf(text));
const tries = (entry: unknown) => taken.filter((item) => item.entry === entry);
const patiently = { timeout: 30_000 };

/** Texts in the poison queue. */
async function poisoned(): Promise<string[]> {
  const queue = service.getQueueClient("orders-poison");
  if (!(await queue.exists())) return [];
  const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 32 });
  return peekedMessageItems.map(({ messageText }) => messageText);
}

const left = async (queue = "orders") =>
  (await service.getQueueClient(queue).getProperties()).approximateMessagesCount;

test("a message is handed over decoded, as JSON when it is, and deleted", async () => {
  await send('{"order":7,"text":"für Ada"}');
  await expect.poll(() => taken.at(-1)?.entry, patiently).toEqual({ order: 7, text: "für Ada" });
  await expect.poll(() => left(), patiently).toBe(0);
});

test("the function is told about the message", async () => {
  const { messageId } = await send("plain text");
  await expect.poll(() => tries("plain text"), patiently).toHaveLength(1);
  const [{ metadata } = { metadata: undefined }] = tries("plain text");
  expect(metadata).toMatchObject({ id: messageId, dequeueCount: 1, queueTrigger: "plain text" });
  for (const name of ["popReceipt", "insertionTime", "expirationTime", "nextVisibleTime"])
    expect(metadata?.[name]).toEqual(expect.any(String));
});

test("a message that fails is tried five times and then moved to the poison queue as it was", async () => {
  await send("broken");
  const text = Buffer.from("broken").toString("base64");
  await expect.poll(poisoned, patiently).toContain(text);
  expect(tries("broken").map(({ metadata }) => metadata?.["dequeueCount"])).toEqual([1, 2, 3, 4, 5]);
  await expect.poll(() => left(), patiently).toBe(0);
  expect(logs.join("\n")).toContain("this order cannot be read");
  expect(logs.join("\n")).toContain("was moved to the queue orders-poison");
});

test("a message that is not base64 goes to the poison queue untried", async () => {
  const before = taken.length;
  await service.getQueueClient("orders").sendMessage("not base64!");
  await expect.poll(poisoned, patiently).toContain("not base64!");
  expect(taken).toHaveLength(before);
});

test("more messages than a batch are all taken, each once", async () => {
  const wanted = Array.from({ length: 13 }, (_, n) => `many ${n}`);
  await Promise.all(wanted.map((text) => send(text)));
  const found = () => taken.map(({ entry }) => String(entry)).filter((entry) => entry.startsWith("many"));
  await expect.poll(() => found().length, patiently).toBe(wanted.length);
  expect(new Set(found())).toEqual(new Set(wanted));
});

test("a queue that is not there is empty, and taken from once it is", async () => {
  await service.createQueue("not-yet");
  await send("late", "not-yet");
  await expect.poll(() => tries("late"), patiently).toHaveLength(1);
  expect(logs.join("\n")).not.toContain("queue not-yet");
});

/** A queue of its own with these messages in it, and what is told about each message that is at work. */
async function workOn(
  queueName: string,
  settings: Partial<QueueSettings>,
  { lease = 600_000, messages = [] }: { lease?: number; messages?: readonly string[] } = {},
) {
  await service.createQueue(queueName);
  for (const message of messages) await send(message, queueName);
  const doors: { text: string; tries: unknown; open: () => void }[] = [];
  const functionOf: RegisteredFunction = {
    id: queueName,
    name: queueName,
    metadata: {
      name: queueName,
      bindings: { entry: { type: "queueTrigger", direction: "in", queueName, connection: "Shop" } },
    },
    callback: (text, context) =>
      new Promise<void>((open) => doors.push({ text: String(text), tries: triesIn(context), open })),
  };
  const trigger = new QueueTrigger(functionOf, {
    clock: systemClock,
    invoker: new Invoker(systemClock, undefined),
    settings: { ...SETTINGS, ...settings },
    lease: millis(lease),
    inputs: () => ({}),
    failed: (_fn, error) => logs.push(String(error)),
    warn: (message) => logs.push(message),
  });
  void trigger.start();
  endings.push(async () => trigger.stop());
  return { doors, left: () => left(queueName) };
}

const SETTINGS: QueueSettings = {
  batchSize: 16,
  newBatchThreshold: 8,
  maxDequeueCount: 5,
  visibilityTimeout: millis(0),
  maxPollingInterval: millis(200),
  messageEncoding: "base64",
};

const Told = z.object({ triggerMetadata: z.object({ dequeueCount: z.number() }) });
const triesIn = (context: unknown): number => Told.parse(context).triggerMetadata.dequeueCount;

test("a message at work for longer than its lease stays out of sight, and is deleted in the end", async () => {
  const { doors, left: still } = await workOn("long-work", {}, { lease: 4000 });
  await send("long", "long-work");
  await expect.poll(() => doors.length, patiently).toBe(1);
  const others = service.getQueueClient("long-work");
  const until = performance.now() + 5500;
  while (performance.now() < until) {
    expect((await others.receiveMessages({ visibilityTimeout: 1 })).receivedMessageItems).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await still()).toBe(1);
  doors[0]?.open();
  await expect.poll(still, patiently).toBe(0);
  expect(doors).toHaveLength(1);
});

test("no more than a batch and the threshold are at work, and the next batch waits for the threshold", async () => {
  // All there before the first look: a look that finds two, and then waits for the threshold, is right as well.
  const messages = Array.from({ length: 9 }, (_, n) => `order ${n}`);
  const { doors } = await workOn("batches", { batchSize: 4, newBatchThreshold: 1 }, { messages });
  await expect.poll(() => doors.length, patiently).toBe(4);
  for (const door of doors.slice(0, 2)) door.open();
  // Two are at work: more than the threshold, whatever time goes by.
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(doors).toHaveLength(4);
  doors[2]?.open();
  await expect.poll(() => doors.length, patiently).toBe(8);
  for (const door of doors) door.open();
  await expect.poll(() => doors.length, patiently).toBe(9);
  doors[8]?.open();
  expect(new Set(doors.map(({ text }) => text)).size).toBe(9);
});

test("a message whose tries were used up by hosts that died goes to the poison queue untried", async () => {
  const queue = service.getQueueClient("used-up");
  await queue.create();
  await send("unlucky", "used-up");
  const taken = async () =>
    (await queue.receiveMessages({ visibilityTimeout: 1 })).receivedMessageItems.length;
  for (let tries = 0; tries < 2; tries++) await expect.poll(taken, patiently).toBe(1);
  const { doors, left: still } = await workOn("used-up", { maxDequeueCount: 2 });
  await expect.poll(still, patiently).toBe(0);
  const { peekedMessageItems } = await service.getQueueClient("used-up-poison").peekMessages();
  expect(peekedMessageItems.map(({ messageText }) => messageText)).toEqual([textOf("unlucky")]);
  expect(doors).toEqual([]);
});

test("a message that a killed host had at work is delivered again, and told as the second try", async () => {
  const data = await mkdtemp(path.join(tmpdir(), "functions-queue-"));
  endings.push(() => rm(data, { recursive: true, force: true }));
  await service.createQueue("survivors");
  await send("hangs at first", "survivors");
  const first = await spawnQueueHost(data);
  await expect.poll(() => notesIn(data), patiently).toEqual(["hangs at first, try 1"]);
  first.kill("SIGKILL");
  const second = await spawnQueueHost(data);
  await expect
    .poll(() => notesIn(data), patiently)
    .toEqual(["hangs at first, try 1", "hangs at first, try 2"]);
  await expect.poll(() => left("survivors"), patiently).toBe(0);
  second.kill("SIGKILL");
});

/** The queue app in another process, with leases of two seconds; it has begun to take messages. */
async function spawnQueueHost(data: string): Promise<ChildProcess> {
  const script = path.join(import.meta.dirname, "queue-host.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, data, "2000"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      ORDERS: "survivors",
      LEDGER_FILE: path.join(data, "ledger"),
      NODE_EXTRA_CA_CERTS: authority,
    },
  });
  endings.push(async () => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

const notesIn = async (data: string): Promise<string[]> =>
  (await readFile(path.join(data, "ledger"), "utf8").catch(() => "")).split("\n").slice(0, -1);

test("a queue whose connection is not set is named at start", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  delete process.env["Shop__queueServiceUri"];
  const data = await mkdtemp(path.join(tmpdir(), "functions-queue-"));
  endings.push(() => rm(data, { recursive: true, force: true }));
  startHost({ app: APP, data, port: 0 }).catch(resolve);
  expect(await promise).toMatchObject({
    code: "InvalidSetting",
    message: expect.stringContaining("the queue of takes needs the setting Shop or Shop__queueServiceUri"),
  });
});
