import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { bundle } from "../../../build.ts";
import { type ChildHost, end, spawnHost } from "./child-host.ts";
import { APP } from "./fixture.ts";

const ROOT = path.join(import.meta.dirname, "../../..");
const folders: string[] = [];
const running: ChildHost[] = [];

afterEach(() => {
  for (const host of running.splice(0)) host.process.kill("SIGKILL");
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder as it would be deployed: the bundle, package.json and host.json, and no node_modules anywhere above. */
async function deploy(entry: string, from: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "functions-bundle-"));
  folders.push(folder);
  await bundle({ entry, outfile: path.join(folder, "dist/main.mjs") });
  copyFileSync(path.join(ROOT, "package.json"), path.join(folder, "package.json"));
  copyFileSync(path.join(from, "host.json"), path.join(folder, "host.json"));
  return folder;
}

async function run(app: string): Promise<ChildHost> {
  const host = await spawnHost(["--app", app, "--data", path.join(app, "state"), "--port", "0"], {
    TASKHUB_NAME: "Bundled",
    LEEWARD_POINT_SCHEDULE: "0 0 0 1 1 *",
  });
  running.push(host);
  return host;
}

test("a bundled app runs in the host with no library beside it", async () => {
  const app = await deploy(path.join(APP, "main.ts"), APP);
  const host = await run(app);
  const answer = await fetch(`${host.url}/wait/chain`, { method: "POST", body: '{"steps":5}' });
  expect([answer.status, await answer.json()]).toEqual([200, 5]);
  expect(await end(host, "SIGTERM")).toBe(0);
});

test("this repository's functions, bundled, load in the host and run an orchestration", async () => {
  const app = await deploy(path.join(ROOT, "functions/main.ts"), ROOT);
  const host = await run(app);
  const keys: { durable: string } = JSON.parse(readFileSync(path.join(app, "state/keys.json"), "utf8"));
  const manage = async (target: string, init: RequestInit = {}) => {
    const headers = { "x-functions-key": keys.durable };
    const url = `${host.url}/runtime/webhooks/durabletask/${target}`;
    return (await fetch(url, { ...init, headers })).text();
  };
  const body = JSON.stringify({ machine: "machine-1", barrier: "barrier-1" });
  await manage("orchestrators/recoveryPoint/bundled", { method: "POST", body });
  // Its first activity finds no settings of Azure, and says so: orchestrator, activity and error all came through.
  await expect.poll(() => manage("instances/bundled"), { timeout: 20_000 }).toContain('"Failed"');
  expect(await manage("instances/bundled")).toContain("LEEWARD_SUBSCRIPTION_ID");
});
