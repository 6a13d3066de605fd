import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { z } from "zod";
import { type ArmClient, armClient } from "../../../engine/azure/arm.ts";
import type { Ensured } from "../../../engine/azure/resource.ts";
import { type Clock, systemClock } from "../../../engine/core/clock.ts";
import { micros } from "../../../engine/core/units.ts";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { boxConfig } from "../../../local/arm/box-config.ts";
import type {
  Hypervisor,
  PoweredVm,
  ScriptResult,
  VmExtension,
  VmScript,
} from "../../../local/arm/hypervisor.ts";
import { type ArmServer, startArm } from "../../../local/arm/server.ts";
import type { Exchange } from "../../../local/arm/published/exchange.ts";
import { violations } from "../../fixtures/as-published.ts";
import { type Certificates, ensureCertificates } from "../../../local/tls/certificate.ts";

export const SUBSCRIPTION = "11111111-1111-4111-8111-111111111111";
export const TENANT = "22222222-2222-4222-8222-222222222222";
export const ARM_AUDIENCE = "https://management.azure.com";
export const OPERATOR = { name: "operator", secret: "operator-secret-0001", arm: true };
export const AGENT = { name: "agent", secret: "agent-secret-00000001", arm: false };
const ADMIN_TOKEN = "admin-token-0000001";
export const WEST = "westeurope";
export const NORTH = "northeurope";

/** Notes what it was asked; VMs run when they were powered on. */
class RecordingHypervisor implements Hypervisor {
  readonly calls: string[] = [];
  readonly running = new Map<string, PoweredVm>();
  readonly extensions: VmExtension[] = [];
  /** When set, the next power-on fails with it. */
  refusal: string | undefined;

  async powerOn(vm: PoweredVm): Promise<void> {
    this.calls.push(`on ${vm.name}`);
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal) throw new Error(refusal);
    this.running.set(vm.id.toLowerCase(), vm);
  }
  async powerOff(vm: ArmId): Promise<void> {
    this.calls.push(`off ${vm.split("/").at(-1)}`);
    this.running.delete(vm.toLowerCase());
  }
  /** When set, scripts run by it. */
  shell: ((script: string) => Promise<ScriptResult>) | undefined;
  async installExtension(_: ArmId, extension: VmExtension): Promise<void> {
    this.extensions.push(extension);
    const { script } = extension.settings;
    if (typeof script !== "string" || !this.shell) return;
    const { exitCode, error } = await this.shell(Buffer.from(script, "base64").toString("utf8"));
    if (exitCode !== 0) throw new Error(`Enable failed: exit status ${exitCode}: ${error}`);
  }
  /** Writes what it was given; `exit 3` ends so. */
  async runScript(vm: ArmId, { script, parameters }: VmScript): Promise<ScriptResult> {
    this.calls.push(`run in ${vm.split("/").at(-1)}`);
    if (this.shell) return this.shell(script);
    const exitCode = Number(/^exit (\d+)$/.exec(script)?.[1] ?? 0);
    const output = `${script} ${parameters.map(({ name }) => name).join(" ")}`;
    return { exitCode, output, error: "" };
  }
  async frozen(vm: ArmId, work: () => Promise<void>): Promise<void> {
    this.calls.push(`freeze ${vm.split("/").at(-1)}`);
    await work();
    this.calls.push(`thaw ${vm.split("/").at(-1)}`);
  }
  /** What each VM says at its start. */
  words = "Linux version 6.1\nlogin:\n";
  async console(vm: string): Promise<string> {
    return this.running.has(vm.toLowerCase()) ? this.words : "";
  }
  async state(vm: ArmId): Promise<"running" | "stopped"> {
    return this.running.has(vm.toLowerCase()) ? "running" : "stopped";
  }
}

interface Settings {
  readonly clock?: Clock;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of an earlier box, to come back with its state. */
  readonly directory?: string;
  readonly port?: number;
  /** Sees every call and its answer, too. */
  readonly observe?: (exchange: Exchange) => void;
}

export interface TestBox extends ArmServer {
  readonly directory: string;
  readonly hypervisor: RecordingHypervisor;
  readonly client: ArmClient;
  readonly certificates: Certificates;
  readonly ca: string;
  /** A token as a process of that identity gets it. */
  token(secret: string, audience: string): Promise<string>;
  /** Any https call, unchecked. */
  call(method: string, path: string, headers?: Record<string, string>, body?: unknown): Promise<Answer>;
  /** A call of the box's admin, under `/box/`. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export async function startBox(settings: Settings = {}): Promise<TestBox> {
  const directory = settings.directory ?? temporary();
  const certificates = await ensureCertificates(path.join(directory, "tls"));
  const read = (file: string) => readFileSync(file, "utf8");
  const hypervisor = new RecordingHypervisor();
  const config = boxConfig.parse({
    subscription: SUBSCRIPTION,
    tenant: TENANT,
    regions: [
      { name: WEST, displayName: "West Europe", pool: pool("west") },
      { name: NORTH, displayName: "North Europe", pool: pool("north") },
    ],
    disks: path.join(directory, "disks"),
    identities: [
      { ...OPERATOR, objectId: "33333333-3333-4333-8333-333333333333", roles: ["Leeward.Operator"] },
      { ...AGENT, objectId: "44444444-4444-4444-8444-444444444444", roles: ["Leeward.Agent"] },
    ],
    adminToken: ADMIN_TOKEN,
    ca: certificates.ca,
    retryAfter: 0,
    operationTime: 0,
    ...settings.config,
  });
  const server = await startArm({
    config,
    data: path.join(directory, "arm"),
    tls: { cert: read(certificates.cert), key: read(certificates.key) },
    hypervisor,
    observe: (exchange) => {
      wrong.push(...violations(exchange));
      settings.observe?.(exchange);
    },
    ...(settings.clock && { clock: settings.clock }),
    ...(settings.port !== undefined && { port: settings.port }),
  });
  const ca = read(certificates.ca);
  const token = (secret: string, audience: string) => tokenFrom(server.identityEndpoint, secret, audience);
  const credential = {
    getToken: async () => ({
      token: await token(OPERATOR.secret, ARM_AUDIENCE),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  const call: TestBox["call"] = (method, target, headers, body) =>
    httpsCall(new URL(target, server.url), ca, method, headers ?? {}, body);
  return {
    ...server,
    directory,
    hypervisor,
    certificates,
    ca,
    client: armClient({
      endpoint: server.url,
      audience: ARM_AUDIENCE,
      credential,
      tls: { ca },
      clock: unhurried(),
    }),
    token,
    call,
    admin: (method, target, body) => call(method, target, { authorization: `Bearer ${ADMIN_TOKEN}` }, body),
  };
}

/** An hour passes between any two calls: how many a client may make is not what these tests are about. */
function unhurried(): Clock {
  let hours = 0;
  return { ...systemClock, now: () => micros(hours++ * 3_600_000_000) };
}

const made: string[] = [];
const wrong: string[] = [];
afterAll(() => {
  const lines = [...new Set(wrong.splice(0))];
  if (lines.length > 0) throw new Error(`Calls and answers are not as published:\n${lines.join("\n")}`);
});
afterAll(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A new directory that is gone after the test file. */
export function temporary(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "leeward-arm-"));
  made.push(directory);
  return directory;
}

const pool = (side: string) =>
  [1, 2].map((n) => ({
    name: `${side}${n}`,
    blob: `https://127.0.0.1:10000/${side}${n}`,
    table: `https://127.0.0.1:10002/${side}${n}`,
  }));

async function tokenFrom(endpoint: string, secret: string, audience: string): Promise<string> {
  const url = new URL(endpoint);
  url.searchParams.set("api-version", "2019-08-01");
  url.searchParams.set("resource", audience);
  const response = await fetch(url, { headers: { "x-identity-header": secret } });
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
}

function httpsCall(
  url: URL,
  ca: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const sending = request(
      url,
      { ca, method, headers: { ...json, ...headers }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers["content-type"]?.includes("json");
          const parsed: unknown = isJson ? JSON.parse(text) : text;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed });
        });
      },
    );
    sending.on("error", reject);
    sending.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export const idOf = (group: string, type: string, name: string): ArmId =>
  armId(`/subscriptions/${SUBSCRIPTION}/resourceGroups/${group}/providers/${type}/${name}`);
export const groupId = (name: string): ArmId =>
  armId(`/subscriptions/${SUBSCRIPTION}/resourceGroups/${name}`);

/** Polls what was begun to its end, as an orchestration would with durable timers. */
export async function finished(client: ArmClient, begun: Pick<Ensured, "operation">): Promise<unknown> {
  let { operation } = begun;
  while (operation) {
    const polled = await client.poll(operation);
    if (polled.done) return polled.body;
    operation = polled.operation;
    await systemClock.sleep(operation.retryAfter);
  }
  return undefined;
}
