import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { Ports } from "./ports.ts";
import { REGIONS, SHOP_GROUP, VAULT, VAULT_GROUP } from "./place.ts";
import { seedOf } from "./seed.ts";

const names = (prefix: string) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `${prefix}${n}`);

/** More than a box ever has at the same time: an account whose name was given once is not given again. */
const ACCOUNTS = { source: names("boxsource"), target: names("boxtarget") } as const;
/** The pool accounts that the apps' own storage accounts take. */
const APP_POOL = { source: "boxsource1", target: "boxtarget1" } as const;

const identity = () => ({ secret: randomBytes(24).toString("base64url"), objectId: randomUUID() });

const secrets = z.object({
  subscription: z.guid(),
  tenant: z.guid(),
  app: z.object({ secret: z.string(), objectId: z.guid() }),
  /** Of the app in the source region. */
  appThere: z.object({ secret: z.string(), objectId: z.guid() }).default(() => identity()),
  operator: z.object({ secret: z.string(), objectId: z.guid() }),
  /** May do what an operator on duty does, and no more. */
  attendant: z.object({ secret: z.string(), objectId: z.guid() }).default(() => identity()),
  adminToken: z.string(),
});
type Secrets = z.infer<typeof secrets>;

/** What a source machine is to be: sizes of its disks in bytes, whole MiB, the OS disk's first. */
export interface WantedVm {
  readonly name: string;
  readonly disks: readonly [number, ...number[]];
}

export interface SourceVm {
  readonly name: string;
  readonly id: string;
  readonly disk: string;
  readonly diskBytes: number;
  readonly dataDisks: readonly DataDisk[];
}

interface DataDisk {
  readonly file: string;
  readonly bytes: number;
  readonly lun: number;
}

interface AppPlan {
  /** Of its process, its log and its folder. */
  readonly name: string;
  readonly identity: { readonly secret: string; readonly objectId: string };
  readonly keyFile: string;
  readonly blobEndpoint: string;
  readonly tableEndpoint: string;
}

/** What a box is, drawn once and kept in `box.json`, so that a resumed box is the same one. */
export interface BoxPlan extends Secrets {
  readonly directory: string;
  readonly ports: Ports;
  readonly accounts: typeof ACCOUNTS;
  readonly keyFile: string;
  /** Whether there is an app in the source region too. */
  readonly wayBack: boolean;
  /** What either region's app has of its own. */
  readonly apps: Readonly<Record<"source" | "target", AppPlan>>;
  /** Configuration file of the ARM simulator. */
  readonly armConfig: string;
  /** The first of them. */
  readonly sourceVm: SourceVm;
  readonly sourceVms: readonly [SourceVm, ...SourceVm[]];
  readonly vaultPath: string;
  readonly targetBlobEndpoint: string;
  readonly targetTableEndpoint: string;
}

interface Wanted {
  readonly ca: string;
  readonly spoolMebibytes: number | undefined;
  readonly wayBack: boolean;
}

export function planBox(
  directory: string,
  ports: Ports,
  [first, ...others]: readonly [WantedVm, ...WantedVm[]],
  { ca, spoolMebibytes, wayBack }: Wanted,
): BoxPlan {
  const drawn = readOrDraw(path.join(directory, "box.json"));
  const apps = {
    target: {
      name: "host",
      identity: drawn.app,
      keyFile: keyIn(directory, "master.key"),
      ...endpointsOf(APP_POOL.target, ports.targetBlob, ports.targetTable),
    },
    source: {
      name: "host-source",
      identity: drawn.appThere,
      keyFile: keyIn(directory, "master-source.key"),
      ...endpointsOf(APP_POOL.source, ports.sourceBlob, ports.sourceTable),
    },
  };
  const group = (name: string) => `/subscriptions/${drawn.subscription}/resourceGroups/${name}`;
  const source = ({ name, disks: [diskBytes, ...data] }: WantedVm): SourceVm => ({
    name,
    id: `${group(SHOP_GROUP)}/providers/Microsoft.Compute/virtualMachines/${name}`,
    disk: path.join(directory, "disks", `${name}-os.img`),
    diskBytes,
    // LUNs with gaps, as they come about in life.
    dataDisks: data.map((bytes, n) => ({
      file: path.join(directory, "disks", `${name}-data-${3 * n}.img`),
      bytes,
      lun: 3 * n,
    })),
  });
  const plan: BoxPlan = {
    ...drawn,
    directory,
    ports,
    accounts: ACCOUNTS,
    keyFile: apps.target.keyFile,
    wayBack,
    apps,
    armConfig: path.join(directory, "arm.json"),
    sourceVm: source(first),
    sourceVms: [source(first), ...others.map(source)],
    vaultPath: `${group(VAULT_GROUP)}/providers/Microsoft.RecoveryServices/vaults/${VAULT}`,
    targetBlobEndpoint: apps.target.blobEndpoint,
    targetTableEndpoint: apps.target.tableEndpoint,
  };
  writeFileSync(plan.armConfig, JSON.stringify(armConfig(plan, ca, spoolMebibytes), null, 2), {
    mode: 0o600,
  });
  return plan;
}

function keyIn(directory: string, name: string): string {
  const file = path.join(directory, name);
  if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return file;
}

const endpointsOf = (account: string, blob: number, table: number) => ({
  blobEndpoint: `https://127.0.0.1:${blob}/${account}`,
  tableEndpoint: `https://127.0.0.1:${table}/${account}`,
});

function readOrDraw(file: string): Secrets {
  if (existsSync(file)) return secrets.parse(JSON.parse(readFileSync(file, "utf8")));
  const drawn = {
    subscription: randomUUID(),
    tenant: randomUUID(),
    app: identity(),
    appThere: identity(),
    operator: identity(),
    attendant: identity(),
    adminToken: randomBytes(24).toString("base64url"),
  };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, JSON.stringify(drawn, null, 2), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
  return drawn;
}

function armConfig(plan: BoxPlan, ca: string, spoolMebibytes: number | undefined) {
  const pool = (names: readonly string[], blob: number, table: number) =>
    names.map((name) => ({
      name,
      blob: `https://127.0.0.1:${blob}/${name}`,
      table: `https://127.0.0.1:${table}/${name}`,
    }));
  const { ports } = plan;
  return {
    subscription: plan.subscription,
    tenant: plan.tenant,
    regions: [
      {
        name: REGIONS.source,
        displayName: "West Europe",
        pool: pool(ACCOUNTS.source, ports.sourceBlob, ports.sourceTable),
      },
      {
        name: REGIONS.target,
        displayName: "North Europe",
        pool: pool(ACCOUNTS.target, ports.targetBlob, ports.targetTable),
      },
    ],
    disks: path.join(plan.directory, "disks"),
    identities: [
      { name: "app", ...plan.app, roles: ["Leeward.Peer"], arm: true },
      { name: "app-there", ...plan.appThere, roles: ["Leeward.Peer"], arm: true },
      { name: "operator", ...plan.operator, roles: ["Leeward.Admin"], arm: true },
      { name: "attendant", ...plan.attendant, roles: ["Leeward.Operator"], arm: false },
    ],
    adminToken: plan.adminToken,
    ca,
    hypervisor: {
      box: plan.directory,
      withAgent: plan.sourceVms.map(({ id }) => id),
      agentsOnCopies: plan.wayBack,
      caFile: ca,
      keepBootImages: true,
      ...(spoolMebibytes !== undefined && { spoolMebibytes }),
    },
    seed: seedOf(plan, APP_POOL),
  };
}
