import { once } from "node:events";
import { IncomingMessage } from "node:http";
import https from "node:https";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, expect, test } from "vitest";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import { type ChildHost, end, spawnHost } from "./child-host.ts";
import { APP, type Status } from "./fixture.ts";

const folders: string[] = [];
const running: ChildHost[] = [];

afterEach(() => {
  for (const host of running.splice(0)) host.process.kill("SIGKILL");
});
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "functions-host-"));
  folders.push(folder);
  return folder;
}

async function start(data: string, ...more: string[]): Promise<ChildHost> {
  const args = ["--app", APP, "--data", data, "--port", "0", ...more];
  return spawned(args, { LEDGER_FILE: path.join(data, "ledger") });
}

async function spawned(args: readonly string[], env?: Record<string, string>): Promise<ChildHost> {
  const host = await spawnHost(args, env);
  running.push(host);
  return host;
}

function manage(host: ChildHost, data: string, target: string, init?: RequestInit): Promise<Response> {
  const keys: { durable: string } = JSON.parse(readFileSync(path.join(data, "keys.json"), "utf8"));
  const url = `${host.url}/runtime/webhooks/durabletask/${target}`;
  const headers = { "x-functions-key": keys.durable, "content-type": "application/json" };
  return fetch(url, { ...init, headers });
}

async function list(host: ChildHost, data: string, query: string): Promise<Status[]> {
  const statuses: Status[] = JSON.parse(await (await manage(host, data, `instances?${query}`)).text());
  return statuses;
}

test("SIGTERM ends the host with code 0, and what ran goes on after the next start", async () => {
  const data = newFolder();
  const first = await start(data);
  const body = '{"seconds":0.5}';
  await manage(first, data, "orchestrators/sleeps/over-restart", { method: "POST", body });
  expect(await end(first, "SIGTERM")).toBe(0);
  const second = await start(data);
  const status = async () => (await list(second, data, "instanceIdPrefix=over-restart"))[0]?.runtimeStatus;
  await expect.poll(status, { timeout: 10_000 }).toBe("Completed");
});

test("an error that nobody catches ends the process and loses nothing", async () => {
  const data = newFolder();
  const first = await start(data);
  await manage(first, data, "orchestrators/waits/survivor", { method: "POST", body: "{}" });
  const ended = once(first.process, "exit");
  expect((await fetch(`${first.url}/uncaught`, { method: "POST" })).status).toBe(202);
  expect((await ended)[0]).toBe(70);
  expect(first.log()).toContain("nobody catches this");
  const second = await start(data);
  expect(await list(second, data, "instanceIdPrefix=survivor")).toHaveLength(1);
});

test("a second host over the same state is refused", async () => {
  const data = newFolder();
  await start(data);
  await expect(start(data)).rejects.toThrow("cannot open");
});

test.skipIf(process.platform !== "linux")("every socket that it listens on is on loopback", async () => {
  const host = await start(newFolder());
  const listening = listenersOf(host.process.pid ?? 0);
  expect(listening.map(({ port }) => port)).toContain(Number(new URL(host.url).port));
  expect(new Set(listening.map(({ address }) => address))).toEqual(new Set([LOOPBACK]));
});

/** 127.0.0.1 as /proc/net/tcp writes it. */
const LOOPBACK = "0100007F";
const LISTENING = "0A";

/** The process's own listening sockets, of both address families. */
function listenersOf(pid: number): { address: string; port: number }[] {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  return ["tcp", "tcp6"]
    .flatMap((family) => readFileSync(`/proc/${pid}/net/${family}`, "utf8").trim().split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === LISTENING && own.has(`socket:[${inode}]`))
    .map(([, local = ""]) => {
      const [address = "", port = ""] = local.split(":");
      return { address, port: Number.parseInt(port, 16) };
    });
}

/** Empty for a descriptor that was closed meanwhile. */
function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}

test("with a certificate it speaks https, and the app's own client works all the same", async () => {
  const data = newFolder();
  const { ca, cert, key } = await ensureCertificates(data);
  const host = await start(data, "--cert", cert, "--key", key);
  expect(host.url).toMatch(/^https:/);
  expect(await post(`${host.url}/wait/chain`, readFileSync(ca, "utf8"), '{"steps":3}')).toBe("200 3");
});

async function post(url: string, ca: string, body: string): Promise<string> {
  const request = https.request(url, { method: "POST", ca });
  request.end(body);
  const [response]: unknown[] = await once(request, "response");
  if (!(response instanceof IncomingMessage)) throw new Error("no response");
  return `${response.statusCode} ${await text(response)}`;
}

test.each([
  ["no app", ["--data", "/nowhere", "--port", "0"], "usage:"],
  [
    "a folder without an app",
    ["--app", tmpdir(), "--data", tmpdir(), "--port", "0"],
    "package.json does not exist",
  ],
  ["a missing entry", ["--app", APP, "--entry", "no.ts", "--data", tmpdir(), "--port", "0"], "cannot load"],
  ["a bad port", ["--app", APP, "--data", tmpdir(), "--port", "70000"], "port"],
  ["a certificate without its key", ["--app", APP, "--data", tmpdir(), "--cert", "x"], "belong together"],
])("%s is refused with a sentence and code 1", async (_, args, message) => {
  await expect(spawned(args)).rejects.toThrow(message);
  await expect(spawned(args)).rejects.toThrow("ended with 1");
});

test.each([
  ["queue.ts", "function writesQueue uses the output binding queue"],
  ["streaming.ts", "enableHttpStream"],
  ["retry.ts", "function tries uses a retry policy, which Azure ignores for its trigger, queueTrigger"],
  ["route.ts", 'route "a/{x:range(1,2)}": the constraint "range(1,2)"'],
  ["load-error.ts", "this app cannot start"],
])("an app with %s is refused at start, by name", async (file, message) => {
  const entry = path.join(import.meta.dirname, "refused", file);
  const args = ["--app", APP, "--entry", entry, "--data", newFolder(), "--port", "0"];
  await expect(spawned(args)).rejects.toThrow(message);
});

test("a schedule that is none is named at start", async () => {
  const data = newFolder();
  const args = ["--app", APP, "--data", data, "--port", "0"];
  await expect(spawned(args, { TEST_SCHEDULE: "0 0 25 * * *" })).rejects.toThrow('"0 0 25 * * *" is not');
});
