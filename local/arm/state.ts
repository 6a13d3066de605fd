import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { z } from "zod";
import { type Limits, limits } from "./box-config.ts";
import * as model from "./model.ts";

/** Resources of one type, found by id without regard to case. */
export interface Table<Item extends { id: string }> {
  get(id: string): Item | undefined;
  put(item: Item): Item;
  delete(id: string): void;
  all(): Item[];
  /** Those whose id starts with the prefix and a slash: what is in a group, or under a resource. */
  under(prefix: string): Item[];
}

const schema = z.object({
  groups: z.array(model.group),
  securityGroups: z.array(model.plainResource),
  virtualNetworks: z.array(model.virtualNetwork),
  networkInterfaces: z.array(model.networkInterface),
  storageAccounts: z.array(model.storageAccount),
  disks: z.array(model.disk),
  snapshots: z.array(model.snapshot).default([]),
  availabilitySets: z.array(model.availabilitySet),
  virtualMachines: z.array(model.virtualMachine),
  vmExtensions: z.array(model.vmExtension),
  runCommands: z.array(model.runCommand).default([]),
  locks: z.array(model.lock).default([]),
  roleAssignments: z.array(model.roleAssignment).default([]),
  publicAddresses: z.array(model.publicAddress).default([]),
  routeTables: z.array(model.plainResource).default([]),
  applicationSecurityGroups: z.array(model.plainResource).default([]),
  natGateways: z.array(model.plainResource).default([]),
  placements: z.array(model.placementResource).default([]),
  operations: z.array(model.operation),
  /** By region: what replaces the configuration's limits since somebody asked for it. */
  limits: z.record(z.string(), limits).default({}),
  /** Regions that are lost now. */
  lost: z.array(z.string()),
  /** Pool accounts that were given out, and are not given again: they hold data. */
  usedPools: z.array(z.string()),
});
type Saved = z.output<typeof schema>;

/** Every kind of thing that is kept, operations under way last. */
export const TABLES = [
  "groups",
  "securityGroups",
  "virtualNetworks",
  "networkInterfaces",
  "storageAccounts",
  "disks",
  "snapshots",
  "availabilitySets",
  "virtualMachines",
  "vmExtensions",
  "runCommands",
  "locks",
  "roleAssignments",
  "publicAddresses",
  "routeTables",
  "applicationSecurityGroups",
  "natGateways",
  "placements",
  "operations",
] as const;
type TableName = (typeof TABLES)[number];

export type State = { readonly [Name in TableName]: Table<Saved[Name][number]> } & {
  readonly limits: Map<string, Limits>;
  readonly lost: Set<string>;
  readonly usedPools: Set<string>;
  /** True when there was no state before: the seed has to be sown. */
  readonly fresh: boolean;
  /** Durable when it returns: the file is replaced in one step. */
  save(): void;
};

/** Opens `state.json` in the directory, or begins with nothing. @throws ZodError when the file is not ours. */
export function openState(directory: string): State {
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, "state.json");
  const fresh = !existsSync(file);
  const saved: Saved = fresh ? nothing() : schema.parse(JSON.parse(readFileSync(file, "utf8")));
  return stateOf(saved, fresh, (text) => replace(file, text));
}

/** One that ends with its process. */
export const passingState = (): State => stateOf(nothing(), true, undefined);

function stateOf(saved: Saved, fresh: boolean, keep: ((text: string) => void) | undefined): State {
  const tables = {
    groups: table(saved.groups),
    securityGroups: table(saved.securityGroups),
    virtualNetworks: table(saved.virtualNetworks),
    networkInterfaces: table(saved.networkInterfaces),
    storageAccounts: table(saved.storageAccounts),
    disks: table(saved.disks),
    snapshots: table(saved.snapshots),
    availabilitySets: table(saved.availabilitySets),
    virtualMachines: table(saved.virtualMachines),
    vmExtensions: table(saved.vmExtensions),
    runCommands: table(saved.runCommands),
    locks: table(saved.locks),
    roleAssignments: table(saved.roleAssignments),
    publicAddresses: table(saved.publicAddresses),
    routeTables: table(saved.routeTables),
    applicationSecurityGroups: table(saved.applicationSecurityGroups),
    natGateways: table(saved.natGateways),
    placements: table(saved.placements),
    operations: table(saved.operations),
  };
  const changed = new Map(Object.entries(saved.limits));
  const lost = new Set(saved.lost);
  const usedPools = new Set(saved.usedPools);
  const save = () => {
    if (!keep) return;
    const lists = Object.fromEntries(TABLES.map((name) => [name, tables[name].all()]));
    const sets = { limits: Object.fromEntries(changed), lost: [...lost], usedPools: [...usedPools] };
    keep(JSON.stringify({ ...lists, ...sets }));
  };
  return { ...tables, limits: changed, lost, usedPools, fresh, save };
}

const nothing = (): Saved => ({
  groups: [],
  securityGroups: [],
  virtualNetworks: [],
  networkInterfaces: [],
  storageAccounts: [],
  disks: [],
  snapshots: [],
  availabilitySets: [],
  virtualMachines: [],
  vmExtensions: [],
  runCommands: [],
  locks: [],
  roleAssignments: [],
  publicAddresses: [],
  routeTables: [],
  applicationSecurityGroups: [],
  natGateways: [],
  placements: [],
  operations: [],
  limits: {},
  lost: [],
  usedPools: [],
});

function table<Item extends { id: string }>(items: readonly Item[]): Table<Item> {
  const byId = new Map(items.map((item) => [item.id.toLowerCase(), item]));
  return {
    get: (id) => byId.get(id.toLowerCase()),
    put(item) {
      byId.set(item.id.toLowerCase(), item);
      return item;
    },
    delete: (id) => void byId.delete(id.toLowerCase()),
    all: () => [...byId.values()],
    under: (prefix) =>
      [...byId].filter(([id]) => id.startsWith(`${prefix.toLowerCase()}/`)).map(([, item]) => item),
  };
}

function replace(file: string, text: string): void {
  const fresh = `${file}.new`;
  const descriptor = openSync(fresh, "w", 0o600);
  writeSync(descriptor, text);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(fresh, file);
}
