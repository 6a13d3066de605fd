import { hash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { bytes } from "../../engine/core/units.ts";
import { steadyName } from "./calls.ts";
import { ANY, jobs } from "./jobs.ts";
import { TABLES } from "../../local/arm/state.ts";
import type { World } from "./world.ts";

/** All that is there, by name: resources, bytes of disks, objects, pages and records, without what differs each time. */
export type EndState = ReadonlyMap<string, string>;

/** An operation is how something came about. */
const COMPARED = TABLES.filter((name) => name !== "operations");

export async function endStateOf(world: World): Promise<EndState> {
  const found = new Map<string, string>();
  const all = [resources(world), await stored(world), await recorded(world), await jobs(world)];
  for (const [name, value] of all.flat())
    found.set(steadyName(inPool(name)), JSON.stringify(steady(value), undefined, 1));
  return found;
}

const ANY_TEXT = JSON.stringify(ANY);

/** What stands in one and not in the other, or otherwise; in lines for a person. */
export function differences(expected: EndState, found: EndState): string[] {
  const names = [...new Set([...expected.keys(), ...found.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [expected.get(name), found.get(name)];
    if (was === is || is === ANY_TEXT) return [];
    if (was === undefined) return [`${name}: is there and should not be`];
    if (is === undefined) return [`${name}: is not there`];
    const lines = is.split("\n");
    const wanted = was.split("\n");
    const off = lines.findIndex((line, at) => line !== wanted[at]);
    return [`${name}: ${lines[off]?.trim()} instead of ${wanted[off]?.trim()}`];
  });
}

function resources({ box, hypervisor }: World): [string, unknown][] {
  const { state } = box;
  return COMPARED.flatMap((table) =>
    state[table].all().map((resource): [string, unknown] => {
      const name = `${table} ${resource.id.toLowerCase()}`;
      if (table === "virtualMachines")
        return [name, { ...resource, runs: hypervisor.running.has(resource.id.toLowerCase()) }];
      return [name, "hidden" in resource ? withImage(resource) : resource];
    }),
  );
}

/** A disk with its bytes; nobody wrote to one that takes no room. */
function withImage<Resource extends object>(resource: Resource): unknown {
  if (!("hidden" in resource) || typeof resource.hidden !== "object" || resource.hidden === null)
    return resource;
  const { hidden } = resource;
  if (!("file" in hidden) || typeof hidden.file !== "string") return resource;
  return {
    ...resource,
    hidden: undefined,
    image: statSync(hidden.file).blocks > 0 && digestOf(readFileSync(hidden.file)),
  };
}

async function stored({ accounts }: World): Promise<[string, unknown][]> {
  const found: [string, unknown][] = [];
  for (const { endpoint, objects, pages } of accounts.all()) {
    for await (const { name } of objects.list("")) {
      const object = await objects.get(name);
      if (object) found.push([`object ${endpoint}/${name}`, contentOf(object.body)]);
    }
    for (const [name, size] of pages.sizes) {
      found.push([`pages ${endpoint}/${name}`, digestOf(await pages.read(name, bytes(0), size))]);
    }
  }
  return found;
}

async function recorded({ records }: World): Promise<[string, unknown][]> {
  const found: [string, unknown][] = [];
  for (const kind of records.kinds())
    for await (const { key, value } of records.list(kind))
      if (kind !== "job" && kind !== "jobOrder") found.push([`record ${kind} ${key}`, value]);
  return found;
}

const digestOf = (body: Uint8Array): string => hash("sha256", body);

/** Documents as such, everything else by its digest. */
function contentOf(body: Buffer): unknown {
  const text = body.toString("utf8");
  if (!text.startsWith("{")) return digestOf(body);
  try {
    return JSON.parse(text);
  } catch {
    return digestOf(body);
  }
}

/**
 * Counted by tries, or told by when something was asked. `how` and `why`: a plan that is made again finds what the first one made. A console
 * that cannot be read is named, and holds up nothing.
 */
const FLEETING = new Set([
  "again",
  "console",
  "consoleMissing",
  "digest",
  "flow",
  "generation",
  "heartbeat",
  "how",
  "importRefused",
  "losses",
  "merged",
  // What went wrong on the way, and was told.
  "notes",
  "rtoSeconds",
  "seconds",
  "secret",
  "steps",
  "unissued",
  "why",
]);
const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** A storage account that could not be made, and is made again, is another one of the pool. */
const inPool = (text: string): string => text.replaceAll(/\b(west|north)\d\b/g, "$1");

/** Without ids that are drawn, and without instants. */
function steady(value: unknown): unknown {
  if (typeof value === "string") return steadyName(inPool(value)).replaceAll(ISO, "{time}");
  if (typeof value === "number") return value > 1e15 ? "{time}" : value;
  if (Array.isArray(value)) return value.map(steady);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, of]) => of !== undefined && !FLEETING.has(name))
      .map(([name, of]) => [name, steady(of)])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  );
}
