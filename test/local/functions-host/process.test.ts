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
import type { Leg } from "../../functions-host/app/journey.ts";

const KILLS = 10;
const JOURNEYS = 15;
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);

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

test(`orchestrations end right under ${KILLS} kill -9, no decision taken twice (SEED=${seed})`, async () => {
  const random = randomOf(seed);
  const data = newFolder();
  let host = await start(data);
  const keys: string[] = [];
  for (let hits = 0; hits < KILLS;) {
    if ((await living(host, data)) < JOURNEYS / 2)
      keys.push(...(await startJourneys(host, data, keys.length)));
    await new Promise((resolve) => setTimeout(resolve, random() * 120));
    await end(host, "SIGKILL");
    host = await start(data);
    if ((await living(host, data)) > 0) hits++;
  }
  await expect.poll(() => living(host, data), { timeout: 60_000 }).toBe(0);
  const all = await list(host, data, "instanceIdPrefix=j&top=1000");
  const ends = all.map(({ runtimeStatus, output }) => ({ runtimeStatus, output }));
  for (const key of keys)
    expect(ends).toContainEqual({ runtimeStatus: "Completed", output: expect.objectContaining({ key }) });
  const reasons = reasonsIn(path.join(data, "ledger"));
  expect([...reasons].filter(([, from]) => from.size > 1)).toEqual([]);
  // three generations of eight steps and their three children of eight, each exactly known
  expect(reasons.size).toBe(keys.length * (3 * 8 + 3 * 8));
  // two of them, each time, are an entity's
  await expect.poll(() => milestones(host, data, "total")).toBe(keys.length * 6 * 2);
  for (const key of keys) {
    expect(await milestones(host, data, key)).toBe(3 * 2);
    expect(await milestones(host, data, `${key}%2F0`)).toBe(2);
  }
}, 600_000);

async function milestones(host: ChildHost, data: string, key: string): Promise<unknown> {
  const answer = await manage(host, data, `entities/milestones/${key}`);
  return answer.status === 404 ? 0 : answer.json();
}

async function startJourneys(host: ChildHost, data: string, from: number): Promise<string[]> {
  const keys = Array.from({ length: JOURNEYS }, (_, i) => `j${from + i}`);
  for (const key of keys) {
    const body = JSON.stringify({ key, generation: 0 });
    const answer = await manage(host, data, `orchestrators/journey/${key}`, { method: "POST", body });
    expect(answer.status).toBe(202);
  }
  return keys;
}

const living = async (host: ChildHost, data: string): Promise<number> =>
  (await list(host, data, "runtimeStatus=Running,Pending&top=1000")).length;

test(`nothing acknowledged is lost by ${KILLS} kill -9: starts, events, signals (SEED=${seed})`, async () => {
  const random = randomOf(seed);
  const data = newFolder();
  let host = await start(data);
  await manage(host, data, "orchestrators/gathers/gatherer", { method: "POST", body: "[]" });
  const sent = { starts: 0, events: 0, signals: 0 };
  const acknowledged = { starts: new Set<string>(), events: new Set<number>(), signals: 0 };
  const send = async (target: string, body: string, heard: () => void) => {
    const answer = await manage(host, data, target, { method: "POST", body }).catch(() => undefined);
    if (answer?.status !== 202) return;
    heard();
    heardOf();
  };
  let heardOf = () => {};
  const someAnswers = (count: number) =>
    new Promise<void>((resolve) => {
      heardOf = () => (--count < 0 ? resolve() : undefined);
    });
  const burst = () =>
    Promise.all(
      Array.from({ length: 20 }, () => {
        const n = ++sent.events;
        const id = `ack-${++sent.starts}`;
        sent.signals++;
        return Promise.all([
          send(`orchestrators/waits/${id}`, "{}", () => acknowledged.starts.add(id)),
          send("instances/gatherer/raiseEvent/item", String(n), () => acknowledged.events.add(n)),
          send("entities/milestones/signalled?op=count", "", () => acknowledged.signals++),
        ]);
      }),
    );
  for (let kill = 0; kill < KILLS; kill++) {
    const enough = someAnswers(random() * 50);
    const under = burst();
    await enough;
    await end(host, "SIGKILL");
    await under;
    host = await start(data);
  }
  await send("instances/gatherer/raiseEvent/item", "0", () => undefined);
  const gatherer = async () => (await list(host, data, "instanceIdPrefix=gatherer"))[0];
  await expect.poll(async () => (await gatherer())?.runtimeStatus, { timeout: 60_000 }).toBe("Completed");
  const started = await list(host, data, "instanceIdPrefix=ack-&top=1000");
  expect(started.map(({ instanceId }) => instanceId)).toEqual(
    expect.arrayContaining([...acknowledged.starts]),
  );
  const gathered = (await gatherer())?.output;
  const items: unknown[] = Array.isArray(gathered) ? gathered : [];
  expect(new Set(items).size).toBe(items.length);
  expect(items).toEqual(expect.arrayContaining([...acknowledged.events]));
  await expect
    .poll(() => milestones(host, data, "signalled"), { timeout: 60_000 })
    .toBeGreaterThanOrEqual(acknowledged.signals);
  expect(await milestones(host, data, "signalled")).toBeLessThanOrEqual(sent.signals);
}, 600_000);

/** Why each step was taken, over all its attempts. A line cut by a kill is no step. */
function reasonsIn(ledger: string): Map<string, Set<string>> {
  const reasons = new Map<string, Set<string>>();
  for (const line of readFileSync(ledger, "utf8").split("\n").filter(isWhole)) {
    const { key, step, from }: Leg = JSON.parse(line);
    const name = `${key} ${step}`;
    reasons.set(name, (reasons.get(name) ?? new Set()).add(from));
  }
  return reasons;
}

const isWhole = (line: string): boolean => line.startsWith("{") && line.endsWith("}");

/** mulberry32 */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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
  ["queue.ts", "function writesQueue uses the binding queue"],
  ["streaming.ts", "enableHttpStream"],
  ["route.ts", 'route "a/{x:range(1,2)}": the constraint "range(1,2)"'],
  ["load-error.ts", "this app cannot start"],
])("an app with %s is refused at start, by name", async (file, message) => {
  const entry = path.join(import.meta.dirname, "refused", file);
  const args = ["--app", APP, "--entry", entry, "--data", newFolder(), "--port", "0"];
  await expect(spawned(args)).rejects.toThrow(message);
});

test.each([
  ["blob", "blobTrigger"],
  ["eventGrid", "eventGridTrigger"],
  ["eventHub", "eventHubTrigger"],
  ["serviceBus", "serviceBusTrigger"],
  ["cosmos", "cosmosDBTrigger"],
  ["warmup", "warmupTrigger"],
])("a trigger of %s is refused at start, by name", async (kind, binding) => {
  const entry = path.join(import.meta.dirname, "refused/other.ts");
  const args = ["--app", APP, "--entry", entry, "--data", newFolder(), "--port", "0"];
  await expect(spawned(args, { REFUSED: kind })).rejects.toThrow(
    `function other uses the binding ${binding}`,
  );
});

test("a schedule that is none is named at start", async () => {
  const data = newFolder();
  const args = ["--app", APP, "--data", data, "--port", "0"];
  await expect(spawned(args, { TEST_SCHEDULE: "0 0 25 * * *" })).rejects.toThrow('"0 0 25 * * *" is not');
});
