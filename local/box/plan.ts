import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import type { Ports } from "./ports.ts";
import { REGIONS, SHOP_GROUP, VAULT, VAULT_GROUP } from "./place.ts";
import { seedOf } from "./seed.ts";

/** More than a box ever has at the same time: an account whose name was given once is not given again. */
const ACCOUNTS = {
  source: ["boxsource1", "boxsource2", "boxsource3", "boxsource4", "boxsource5", "boxsource6", "boxsource7"],
  target: ["boxtarget1", "boxtarget2", "boxtarget3", "boxtarget4", "boxtarget5", "boxtarget6", "boxtarget7"],
} as const;
/** The pool account that the app's own storage account takes. */
const APP_POOL = ACCOUNTS.target[0];

const identity = () => ({ secret: randomBytes(24).toString("base64url"), objectId: randomUUID() });

const secrets = z.object({
  subscription: z.guid(),
  tenant: z.guid(),
  app: z.object({ secret: z.string(), objectId: z.guid() }),
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

/** What a box is, drawn once and kept in `box.json`, so that a resumed box is the same one. */
export interface BoxPlan extends Secrets {
  readonly directory: string;
  readonly ports: Ports;
  readonly accounts: typeof ACCOUNTS;
  readonly keyFile: string;
  /** Configuration file of the ARM simulator. */
  readonly armConfig: string;
  /** The first of them. */
  readonly sourceVm: SourceVm;
  readonly sourceVms: readonly [SourceVm, ...SourceVm[]];
  readonly vaultPath: string;
  readonly targetBlobEndpoint: string;
  readonly targetTableEndpoint: string;
}

export function planBox(
  directory: string,
  ports: Ports,
  [first, ...others]: readonly [WantedVm, ...WantedVm[]],
  { ca, spoolMebibytes }: { readonly ca: string; readonly spoolMebibytes: number | undefined },
): BoxPlan {
  const drawn = readOrDraw(path.join(directory, "box.json"));
  const keyFile = path.join(directory, "master.key");
  if (!existsSync(keyFile)) writeFileSync(keyFile, randomBytes(32), { mode: 0o600 });
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
    keyFile,
    armConfig: path.join(directory, "arm.json"),
    sourceVm: source(first),
    sourceVms: [source(first), ...others.map(source)],
    vaultPath: `${group(VAULT_GROUP)}/providers/Microsoft.RecoveryServices/vaults/${VAULT}`,
    targetBlobEndpoint: `https://127.0.0.1:${ports.targetBlob}/${APP_POOL}`,
    targetTableEndpoint: `https://127.0.0.1:${ports.targetTable}/${APP_POOL}`,
  };
  writeFileSync(plan.armConfig, JSON.stringify(armConfig(plan, ca, spoolMebibytes), null, 2), {
    mode: 0o600,
  });
  return plan;
}

function readOrDraw(file: string): Secrets {
  if (existsSync(file)) return secrets.parse(JSON.parse(readFileSync(file, "utf8")));
  const drawn = {
    subscription: randomUUID(),
    tenant: randomUUID(),
    app: identity(),
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
      { name: "app", ...plan.app, roles: [], arm: true },
      { name: "operator", ...plan.operator, roles: ["Leeward.Admin"], arm: true },
      { name: "attendant", ...plan.attendant, roles: ["Leeward.Operator"], arm: false },
    ],
    adminToken: plan.adminToken,
    ca,
    hypervisor: {
      box: plan.directory,
      withAgent: plan.sourceVms.map(({ id }) => id),
      caFile: ca,
      keepBootImages: true,
      ...(spoolMebibytes !== undefined && { spoolMebibytes }),
    },
    seed: seedOf(plan, APP_POOL),
  };
}
