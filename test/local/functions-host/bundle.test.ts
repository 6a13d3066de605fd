import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  const manifest = { name: "deployed", private: true, type: "module", main: "dist/main.mjs" };
  writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(path.join(folder, "host.json"), readFileSync(path.join(from, "host.json")));
  return folder;
}

async function run(app: string): Promise<ChildHost> {
  const host = await spawnHost(["--app", app, "--data", path.join(app, "state"), "--port", "0"], {
    TASKHUB_NAME: "Bundled",
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

test("the bundle keeps names and source lines for stack traces", async () => {
  const app = await deploy(path.join(APP, "main.ts"), APP);
  expect(existsSync(path.join(app, "dist/main.mjs.map"))).toBe(true);
  expect(readFileSync(path.join(app, "package.json"), "utf8")).toContain('"main":"dist/main.mjs"');
  expect(readFileSync(path.join(ROOT, "package.json"), "utf8")).toContain('"main": "dist/main.mjs"');
});
