import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import { end, spawnHost } from "./child-host.ts";
import { done, door } from "./slow/door.ts";

const folders: string[] = [];
let port = 0;
let starting: Promise<Host>;

beforeAll(async () => {
  port = await freePort();
  starting = startHost({ app: path.join(import.meta.dirname, "slow"), data: newFolder(), port });
});

afterAll(async () => {
  door.resolve();
  await (await starting).stop();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

test("a host whose app is still loading answers 503, and serves once it is loaded", async () => {
  const url = `http://127.0.0.1:${port}/api/greet/ann`;
  await expect.poll(() => statusOf(url)).toBe(503);
  door.resolve();
  const host = await starting;
  expect(host.url).toBe(`http://127.0.0.1:${port}`);
  expect(await statusOf(url)).toBe(200);
});

test("routes begin with api when host.json says nothing, and local.settings.json is the environment", async () => {
  const host = await starting;
  expect(await (await fetch(`${host.url}/api/greet/ann`)).text()).toBe("hello ann");
  expect(await statusOf(`${host.url}/greet/ann`)).toBe(404);
});

test("a timer with runOnStartup runs when the host starts, its schedule a setting", async () => {
  await (await starting).idle();
  expect(done).toEqual(["ran, in time"]);
});

test("a CommonJS app runs, under its own prefix", async () => {
  const app = path.join(import.meta.dirname, "common-js");
  const host = await spawnHost(["--app", app, "--data", newFolder(), "--port", "0"]);
  const answer = await fetch(`${host.url}/v1/api/twice/21`);
  expect([answer.status, await answer.text()]).toEqual([200, "84"]);
  expect(await statusOf(`${host.url}/v1/api/twice/many`)).toBe(404);
  expect(await end(host, "SIGTERM")).toBe(0);
});

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "functions-loading-"));
  folders.push(folder);
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free }: AddressInfo = addressOf(server.address());
  server.close();
  await once(server, "close");
  return free;
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address;
}

/** 0 while nobody listens. */
const statusOf = async (url: string): Promise<number> =>
  fetch(url).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    },
    () => 0,
  );
