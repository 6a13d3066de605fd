import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

// A project of its own with our linter's settings, so that nobody meets the samples.
const project = mkdtempSync(path.join(tmpdir(), "leeward-lint-"));
mkdirSync(path.join(project, "orchestrations"));
copyFileSync(".oxlintrc.json", path.join(project, ".oxlintrc.json"));
afterAll(() => rmSync(project, { recursive: true }));

/** What the linter says of an orchestration with this line in it. */
function lint(line: string): string {
  writeFileSync(path.join(project, "orchestrations", "sample.ts"), `${line}\n`);
  const oxlint = path.resolve("node_modules/.bin/oxlint");
  return spawnSync(oxlint, ["orchestrations"], { cwd: project, encoding: "utf8" }).stdout;
}

test.each([
  ["the clock", "export const now = () => Date.now();"],
  ["the clock by another name", "export const at = new Date();"],
  ["timers of its own", "setTimeout(() => undefined, 1);"],
  ["the network", 'await fetch("https://example.com");'],
  ["randomness", "export const dice = Math.random();"],
  ["the environment", 'export const name = process.env["NAME"];'],
  ["files", 'import { readFileSync } from "node:fs";\nexport const read = readFileSync;'],
  ["Azure", 'import { BlobClient } from "@azure/storage-blob";\nexport const blob = BlobClient;'],
])("an orchestration may not use %s", (_, line) => {
  expect(lint(line)).toMatch(/no-restricted-(globals|properties|imports)/);
});

test("an orchestration without any of it passes", () => {
  expect(lint("export const one = 1;")).toContain("0 errors");
});
