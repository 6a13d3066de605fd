import { readFileSync } from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { readKeys } from "../functions-host/keys.ts";
import { type Certificates, ensureCertificates } from "../tls/certificate.ts";
import { type Api, apiAt } from "./api.ts";
import { flags, startChild } from "./child.ts";
import { openFrontDoor } from "./front-door.ts";
import { Hosts } from "./hosts.ts";
import { tokenOf } from "./identity.ts";
import { endVirtualMachines, lockBox } from "./lock.ts";
import { API_AUDIENCE, REGIONS } from "./place.ts";
import { type BoxPlan, type WantedVm, planBox } from "./plan.ts";
import { portsOf } from "./ports.ts";
import { RegionStorage } from "./region-storage.ts";

export interface BoxOptions {
  readonly directory: string;
  readonly machines: readonly [WantedVm, ...WantedVm[]];
  /** Lays the source machines' disks out, once, before anything starts. */
  readonly prepareDisk: (plan: BoxPlan) => Promise<void>;
  /** NCRONTAB of the recovery point timer. */
  readonly pointSchedule: string;
  /** A second app in the source region, to which machines are handed over for their way back, and agents on what is built. */
  readonly wayBack?: boolean;
  /** Most that the spool of a machine's agent holds; the agent's own default when absent. */
  readonly spoolMebibytes?: number | undefined;
  readonly onProgress: (what: string) => void;
}

/** `cache`: all accounts of the source region; `target`: all of the target region, the control plane's records among them. */
export const ACCOUNTS = ["cache", "target"] as const;
export type Account = (typeof ACCOUNTS)[number];

/** Azure in a box, running: every part is a process of its own and can be killed like the real one. */
export interface Box {
  readonly plan: BoxPlan;
  readonly certificates: Certificates;
  /** https origin of the control plane. */
  readonly endpoint: string;
  /** Of the app in the source region, with `wayBack`: the same API, which clients need not know of. */
  readonly endpointThere: string;
  /** http URL that leads a browser to the portal, signed in. */
  readonly portal: string;
  /** The same for the Functions host's page of orchestrations. */
  readonly orchestrations: string;
  readonly api: Api;
  /** A bearer token of the box's operator for this audience; the control plane's own by default. */
  token(audience?: string): Promise<string>;
  /** SIGKILL of everything in the source region: storage, machines, agents and the app there, without a warning. */
  loseSource(): Promise<void>;
  /** The region is back: its storage as it was, and whatever ran there runs again. */
  restoreSource(): Promise<void>;
  /** The cache account's storage and the target account's, which one can get into trouble. */
  readonly storage: Readonly<Record<Account, Pick<RegionStorage, "trouble" | "make">>>;
  /** SIGKILL of the target region's Functions host, and a new one over the same state. @param pointSchedule of the new one's timers */
  killHost(pointSchedule?: string): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error when another supervisor holds the box, or a part does not start; nothing is left running then. */
export async function openBox(options: BoxOptions): Promise<Box> {
  const { directory } = options;
  const lock = lockBox(directory);
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const part of running.splice(0).toReversed()) await part.stop();
    await endVirtualMachines(directory);
    lock.release();
  };
  try {
    return await assemble(options, running, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  options: BoxOptions,
  running: { stop(): Promise<void> }[],
  stop: () => Promise<void>,
): Promise<Box> {
  const { directory, onProgress } = options;
  const certificates = await ensureCertificates(path.join(directory, "tls"));
  trust(certificates);
  withoutProxy();
  const plan = planBox(directory, await portsOf(directory), options.machines, {
    ca: certificates.ca,
    spoolMebibytes: options.spoolMebibytes,
    wayBack: options.wayBack ?? false,
  });
  onProgress("laying out the source machine's disk; starting two regions of storage");
  const [source, target] = await Promise.all([
    RegionStorage.start(plan, certificates, "source").then((part) => keep(running, part)),
    RegionStorage.start(plan, certificates, "target").then((part) => keep(running, part)),
    options.prepareDisk(plan),
  ]);
  onProgress("starting Azure Resource Manager, which starts the machine");
  keep(running, await startChild(directory, armSpec(plan, certificates)));
  onProgress(`starting the Functions host${plan.wayBack ? " of either region" : ""}`);
  const hosts = new Hosts(plan, certificates, options.pointSchedule);
  await keep(running, hosts).start();
  const endpoint = hosts.endpoint("target");
  const token = (audience = API_AUDIENCE) => tokenOf(plan, audience);
  const { durable } = readKeys(path.join(plan.directory, "host"));
  const door = keep(running, await openFrontDoor(endpoint, plan.ports.portal, token, durable));
  const bearer = await token();
  return {
    plan,
    certificates,
    endpoint,
    endpointThere: hosts.endpoint("source"),
    portal: door.url,
    orchestrations: door.orchestrations,
    api: apiAt(endpoint, () => bearer),
    token,
    async loseSource() {
      await Promise.all([source.lose(), hosts.kill("source"), turnRegion(plan, "lose")]);
    },
    async restoreSource() {
      await source.restore();
      await turnRegion(plan, "restore");
      await hosts.start();
    },
    storage: { cache: source, target },
    killHost: (schedule) => hosts.again("target", schedule),
    stop,
  };
}

const keep = <T extends { stop(): Promise<void> }>(running: { stop(): Promise<void> }[], part: T): T => {
  running.push(part);
  return part;
};

/** A proxy of the person's own is for the world outside; everything here is on loopback. */
function withoutProxy(): void {
  process.env["NO_PROXY"] = [process.env["NO_PROXY"], "127.0.0.1", "localhost"].filter(Boolean).join(",");
}

/** Makes this process trust the box's authority beside the usual ones. */
function trust({ ca }: Certificates): void {
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), readFileSync(ca, "utf8")]);
}

const script = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const armSpec = (plan: BoxPlan, { ca, cert, key }: Certificates) => ({
  name: "arm",
  script: script("local/arm/main.ts"),
  args: flags({
    data: path.join(plan.directory, "arm"),
    port: plan.ports.arm,
    "identity-port": plan.ports.identity,
    cert,
    key,
    box: plan.armConfig,
  }),
  env: { NODE_EXTRA_CA_CERTS: ca },
});

/** The simulator kills the region's machines and answers for it no more, or answers again and starts them. */
async function turnRegion(plan: BoxPlan, how: "lose" | "restore"): Promise<void> {
  const url = `https://127.0.0.1:${plan.ports.arm}/box/regions/${REGIONS.source}/${how}`;
  const headers = { authorization: `Bearer ${plan.adminToken}` };
  const response = await fetch(url, { method: "POST", headers });
  if (!response.ok) throw new Error(`the simulator answered ${response.status}: ${await response.text()}`);
}
