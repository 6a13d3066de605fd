import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { QueueServiceClient } from "@azure/storage-queue";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startAzurite } from "../../../local/azurite/azurite.ts";
import { injectCoreApi } from "../../../local/functions-host/core-api.ts";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import { testCredential } from "../../fixtures/region.ts";

injectCoreApi();
const { taken } = await import("./queue-app/main.ts");

const APP = path.join(import.meta.dirname, "queue-app");
const logs: string[] = [];
const endings: (() => Promise<void>)[] = [];
let service: QueueServiceClient;
let host: Host;

beforeAll(async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "functions-queue-"));
  endings.push(() => rm(directory, { recursive: true, force: true }));
  const certificates = await ensureCertificates(path.join(directory, "tls"));
  tls.setDefaultCACertificates([
    ...tls.getCACertificates("default"),
    await readFile(certificates.ca, "utf8"),
  ]);
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

const send = (text: string, queue = "orders") =>
  service.getQueueClient(queue).sendMessage(Buffer.from(text).toString("base64"));
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
