import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Certificates } from "../tls/certificate.ts";
import { type Child, type ChildSpec, flags, startChild } from "./child.ts";
import { API_AUDIENCE, REGIONS } from "./place.ts";
import type { BoxPlan } from "./plan.ts";

type Side = keyof typeof REGIONS;

/** The Functions hosts of a box: the target region's, and the source region's where machines are to find their way back. */
export class Hosts {
  readonly #plan: BoxPlan;
  readonly #certificates: Certificates;
  readonly #pointSchedule: string;
  readonly #sides: readonly Side[];
  readonly #running = new Map<Side, Child>();

  constructor(plan: BoxPlan, certificates: Certificates, pointSchedule: string) {
    this.#plan = plan;
    this.#certificates = certificates;
    this.#pointSchedule = pointSchedule;
    this.#sides = plan.wayBack ? ["target", "source"] : ["target"];
  }

  /** https origin, of one that does not run as well. */
  endpoint(side: Side): string {
    return endpointOf(this.#plan, side);
  }

  /** All that do not run. @throws Error with the last words of one that does not start */
  async start(): Promise<void> {
    const missing = this.#sides.filter((side) => !this.#running.get(side)?.alive());
    await Promise.all(missing.map((side) => this.#start(side)));
  }

  /** SIGKILL. */
  async kill(side: Side): Promise<void> {
    await this.#running.get(side)?.kill();
    this.#running.delete(side);
  }

  /** SIGKILL, and a new one over the same state. @param pointSchedule of the new one */
  async again(side: Side, pointSchedule?: string): Promise<void> {
    await this.kill(side);
    await this.#start(side, pointSchedule);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((host) => host.stop()));
    this.#running.clear();
  }

  async #start(side: Side, pointSchedule = this.#pointSchedule): Promise<void> {
    const spec = specOf(this.#plan, this.#certificates, side, pointSchedule);
    this.#running.set(side, await startChild(this.#plan.directory, spec));
  }
}

const script = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

const endpointOf = ({ ports }: BoxPlan, side: Side): string =>
  `https://127.0.0.1:${side === "target" ? ports.host : ports.hostThere}`;

const OTHER = { source: "target", target: "source" } as const;

function specOf(plan: BoxPlan, { ca, cert, key }: Certificates, side: Side, schedule: string): ChildSpec {
  const arm = `https://127.0.0.1:${plan.ports.arm}`;
  const { name, identity, keyFile, blobEndpoint, tableEndpoint } = plan.apps[side];
  return {
    name,
    script: script("local/functions-host/main.ts"),
    // As `infra/` sets it; `docs/benchmarks.md` says why.
    nodeFlags: ["--initial-old-space-size=512"],
    args: flags({
      app: script("."),
      entry: "functions/main.ts",
      data: path.join(plan.directory, name),
      port: Number(new URL(endpointOf(plan, side)).port),
      cert,
      key,
    }),
    env: {
      NODE_EXTRA_CA_CERTS: ca,
      IDENTITY_ENDPOINT: `http://127.0.0.1:${plan.ports.identity}/msi/token`,
      IDENTITY_HEADER: identity.secret,
      TASKHUB_NAME: "leeward",
      LEEWARD_ARM_ENDPOINT: arm,
      LEEWARD_ARM_AUDIENCE: "https://management.azure.com",
      LEEWARD_STORAGE_SUFFIX: "127.0.0.1",
      LEEWARD_SUBSCRIPTION_ID: plan.subscription,
      LEEWARD_REGION: REGIONS[side],
      LEEWARD_TARGET_BLOB_ENDPOINT: blobEndpoint,
      LEEWARD_TARGET_TABLE_ENDPOINT: tableEndpoint,
      LEEWARD_KEY_FILE: keyFile,
      LEEWARD_ISSUER: `${arm}/${plan.tenant}/v2.0`,
      LEEWARD_AUDIENCE: API_AUDIENCE,
      LEEWARD_PUBLIC_URL: endpointOf(plan, side),
      ...(plan.wayBack && { LEEWARD_PEER_URL: endpointOf(plan, OTHER[side]) }),
      LEEWARD_AGENT_ROLLOUT: "handler",
      LEEWARD_POINT_SCHEDULE: schedule,
      // Its disks are small, and nobody waits an hour to see something deleted.
      LEEWARD_LEAST_DELETE_DELAY: "1000",
    },
  };
}
