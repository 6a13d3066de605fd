import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { behaviours } from "./behaviours/all.ts";
import { type Deployment, deploy } from "./kills/deployment.ts";
import { loseLastCommit } from "./kills/lost-commit.ts";
import { survive } from "./kills/survive.ts";

const KILLS = 100;
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);

const folders: string[] = [];
let deployment: Deployment;
beforeAll(async () => {
  deployment = await deploy(newFolder());
});
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "functions-kills-"));
  folders.push(folder);
  return folder;
}

test(`all behaviours hold under ${KILLS} kill -9 at random instants (SEED=${seed})`, async () => {
  const survival = await survive({ seed, kills: KILLS, data: newFolder(), deployment });
  expect(survival.violations).toEqual([]);
  expect(survival.kills).toBe(KILLS);
  expect(survival.scenes).toBeGreaterThanOrEqual(behaviours.length);
  // Some died with their host, and ran once more.
  expect(survival.repeats).toBeGreaterThan(0);
}, 600_000);

test(`a host that commits after it has answered does not survive them (SEED=${seed})`, async () => {
  const preload = path.join(import.meta.dirname, "kills/late-commit.ts");
  const survival = await survive({ seed, kills: KILLS, data: newFolder(), deployment, preload });
  expect(survival.violations).not.toEqual([]);
}, 600_000);

test(`a host that loses its last commit does not survive them (SEED=${seed})`, async () => {
  const survival = await survive({
    seed,
    kills: KILLS,
    data: newFolder(),
    deployment,
    wound: loseLastCommit,
  });
  expect(survival.violations).not.toEqual([]);
}, 600_000);
