import { readFileSync } from "node:fs";
import { globSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** Who may import whom: a layer may import itself and the layers listed here. */
const LAYERS: Record<string, readonly string[]> = {
  "engine/core": [],
  "engine/journal": ["engine/core"],
  "engine/storage": ["engine/core"],
  "engine/azure": ["engine/core"],
  "engine/contract": ["engine/core"],
  "engine/replication": ["engine/core", "engine/journal", "engine/storage"],
  "engine/recovery": ["engine/core", "engine/journal", "engine/storage"],
  "engine/eligibility": ["engine/core", "engine/azure", "engine/recovery"],
  "engine/capture": ["engine/core", "engine/journal", "engine/storage", "engine/replication"],
  orchestrations: ["engine/core"],
  functions: [
    "engine/core",
    "engine/journal",
    "engine/storage",
    "engine/azure",
    "engine/contract",
    "engine/replication",
    "engine/recovery",
    "engine/eligibility",
    "engine/capture",
    "orchestrations",
  ],
  agent: ["engine/core", "engine/journal", "engine/storage", "engine/replication", "engine/contract"],
  cli: [
    "engine/core",
    "engine/contract",
    "engine/journal",
    "engine/storage",
    "engine/replication",
    "engine/recovery",
  ],
  portal: [],
};

const layerOf = (file: string) => Object.keys(LAYERS).find((layer) => file.startsWith(`${layer}/`));

function importsOf(file: string): { target: string; typeOnly: boolean }[] {
  const text = readFileSync(file, "utf8");
  const statement =
    /^\s*(?:import|export)\s+(type\s+)?[^;"']*?from\s+["']([^"']+)["']|^\s*import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
  return [...text.matchAll(statement)].map((found) => ({
    target: found[2] ?? found[3] ?? found[4] ?? "",
    typeOnly: Boolean(found[1]),
  }));
}

/** Empty when the import is allowed, otherwise the sentence to print. */
function violation(file: string, target: string, typeOnly: boolean): string {
  const layer = layerOf(file);
  if (!layer || !target.startsWith(".")) return "";
  const resolved = path.posix.normalize(path.posix.join(path.posix.dirname(file), target));
  if (resolved.startsWith("local/")) return `${file} imports ${resolved}: nothing imports the box`;
  const other = layerOf(resolved);
  if (!other || other === layer || LAYERS[layer]?.includes(other)) return "";
  if (typeOnly && layer === "orchestrations") return "";
  return `${file} imports ${resolved}: ${layer} may not know ${other}`;
}

const sources = globSync([...Object.keys(LAYERS), "local"].map((layer) => `${layer}/**/*.ts`));

test("every import points down the layers", () => {
  expect(sources.length).toBeGreaterThan(0);
  const found = sources.flatMap((file) =>
    importsOf(file)
      .map(({ target, typeOnly }) => violation(file, target, typeOnly))
      .filter(Boolean),
  );
  expect(found).toEqual([]);
});

test.each([
  ["engine/core/x.ts", "../journal/segment.ts"],
  ["orchestrations/x.ts", "../engine/replication/ship.ts"],
  ["agent/x.ts", "../functions/settings.ts"],
  ["functions/x.ts", "../local/main.ts"],
])("%s may not import %s", (file, target) => {
  expect(violation(file, target, false)).not.toBe("");
});
