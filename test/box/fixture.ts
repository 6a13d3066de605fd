import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { type Box, type BoxOptions, openBox } from "../../local/box/box.ts";
import { tokenOf } from "../../local/box/identity.ts";
import { API_AUDIENCE } from "../../local/box/place.ts";
import { leewardItem } from "../../engine/contract/protected-item.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "../../local/demo/ledger-disk.ts";
import { customersAt, sourceLedger } from "../../local/demo/scene.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { logFile } from "../../local/process/log-file.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { AZURE_SPECS } from "../fixtures/azure-specs.ts";

const API_VERSION = "2025-08-01";

// The simulator of Resource Manager compares each call and answer where the descriptions are there.
if (AZURE_SPECS !== undefined) process.env["LEEWARD_AZURE_SPECS"] = AZURE_SPECS;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined when the body is empty. */
  readonly body: unknown;
}

const itemView = z.object({
  properties: z.object({
    protectionState: z.string(),
    replicationHealth: z.string(),
    healthErrors: z.array(
      z.object({ errorCode: z.string(), errorMessage: z.string(), recommendedAction: z.string() }),
    ),
    providerSpecificDetails: z.object({
      recoveryFabricObjectId: z.string().nullish(),
      testFailoverRecoveryFabricObjectId: z.string().nullish(),
    }),
    testFailoverState: z.string().nullish(),
    leeward: leewardItem,
  }),
});
/** Properties of an item, as far as tests read them. */
type Seen = z.infer<typeof itemView>["properties"];

const pointList = z.object({
  value: z.array(
    z.object({
      name: z.string(),
      properties: z.object({
        recoveryPointTime: z.string(),
        recoveryPointType: z.string(),
        leeward: z.looseObject({
          generation: z.number(),
          disks: z.array(z.looseObject({ size: z.number() })),
          verified: z.unknown(),
        }),
      }),
    }),
  ),
});
type SeenPoint = z.infer<typeof pointList>["value"][number];

/** Long enough for a machine at which everything else is tested too. */
const PATIENCE = 240_000;

/** A box of its own, plain HTTP to its control plane, and customers at its first machine's ledger. */
export class BoxFixture {
  readonly directory = mkdtempSync(path.join(tmpdir(), "leeward-box-"));
  #box: Box | undefined;
  #token = "";
  #customers: Customers | undefined;

  get box(): Box {
    if (!this.#box) throw new Error("the box is not open");
    return this.#box;
  }

  get vault(): string {
    return this.box.plan.vaultPath;
  }

  /** @param archiveBytes of documents on each machine's disk @param wayBack with a second app, in the source region */
  async open(
    pointSchedule = "*/2 * * * * *",
    machines: BoxOptions["machines"] = [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
    archiveBytes?: number,
    spoolMebibytes?: number,
    wayBack = false,
  ): Promise<void> {
    this.#box = await openBox({
      directory: this.directory,
      machines,
      prepareDisk: async ({ sourceVms }) => {
        for (const [n, vm] of sourceVms.entries()) await prepareLedgerDisks(vm, 1 + n, archiveBytes);
      },
      pointSchedule,
      spoolMebibytes,
      wayBack,
      onProgress: () => undefined,
    });
    this.#token = await this.#box.token();
  }

  async close(): Promise<void> {
    await this.closeShop();
    await this.#box?.stop();
    this.#keepHub();
    const strange = this.#strangeCalls();
    rmSync(this.directory, { recursive: true, force: true });
    if (strange.length > 0)
      throw new Error(`Calls of Azure are not as published:\n${[...new Set(strange)].join("\n")}`);
  }

  /** What the simulator of Resource Manager found that is not as published; it compares where the descriptions are there. */
  #strangeCalls(): string[] {
    const log = logFile(this.directory, "arm");
    if (!existsSync(log)) return [];
    return readFileSync(log, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("not as published"));
  }

  /** Customers order at the first machine from now on. */
  async openShop(seed: number): Promise<Customers> {
    await this.closeShop();
    return (this.#customers = customersAt(await sourceLedger(this.box), this.directory, seed));
  }

  /** They are gone, and their log is whole. */
  async closeShop(): Promise<void> {
    await this.#customers?.stop();
    this.#customers = undefined;
  }

  /** The item, as the API shows it now. */
  async look(name = "Ledger"): Promise<Seen> {
    return itemView.parse((await this.call("GET", this.item(name))).body).properties;
  }

  /** The first look at the item of which this holds. @param patience in milliseconds */
  until(what: string, holds: (now: Seen) => boolean, patience = PATIENCE, name = "Ledger"): Promise<Seen> {
    const look = async () => {
      const now = await this.look(name);
      return holds(now) ? now : undefined;
    };
    return waitFor(what, look, patience);
  }

  /** Protection of the first machine is asked for, and there. */
  async protected(policy: unknown, name = "Ledger"): Promise<Seen> {
    const { status, body } = await this.protect(name, policy);
    if (status !== 202) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return this.until(
      "the protection",
      ({ protectionState }) => protectionState === "Protected",
      PATIENCE,
      name,
    );
  }

  /** Recovery points of the item, oldest first. */
  async points(name = "Ledger"): Promise<SeenPoint[]> {
    const { body } = await this.call("GET", `${this.item(name)}/recoveryPoints`);
    return pointList
      .parse(body)
      .value.toSorted((a, b) => a.properties.recoveryPointTime.localeCompare(b.properties.recoveryPointTime));
  }

  /** For test/histories/record.ts. */
  #keepHub(): void {
    const folder = process.env["LEEWARD_KEEP_HUBS"];
    if (folder === undefined) return;
    const hub = path.join(this.directory, "host", "host.db");
    mkdirSync(folder, { recursive: true });
    for (const file of [hub, `${hub}-wal`].filter((name) => existsSync(name)))
      copyFileSync(
        file,
        path.join(folder, path.basename(this.directory) + path.basename(file).replace("host", "")),
      );
  }

  item(name: string): string {
    return `${this.vault}/replicationFabrics/West/replicationProtectionContainers/Shop/replicationProtectedItems/${name}`;
  }

  /** Asks for the protection of the box's first machine, in a resource group of its own. */
  protect(
    name: string,
    policy: unknown,
    freeze?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer> {
    const { subscription, sourceVm } = this.box.plan;
    const body = {
      properties: {
        providerSpecificDetails: {
          instanceType: "A2A",
          fabricObjectId: sourceVm.id,
          recoveryResourceGroupId: `/subscriptions/${subscription}/resourceGroups/Shop-Recovery`,
        },
        leeward: { policy, freeze },
      },
    };
    return this.call("PUT", this.item(name), body, headers);
  }

  /** Names of everything in a list of the API. */
  async names(target: string): Promise<string[]> {
    return list.parse((await this.call("GET", target)).body).value.map(({ name }) => name);
  }

  /** Has Resource Manager accept the next call that makes or changes this resource, and then fail it. */
  async breakNext(resource: string): Promise<void> {
    const { adminToken, ports } = this.box.plan;
    const response = await fetch(`https://127.0.0.1:${ports.arm}/box/faults`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      body: JSON.stringify({
        kind: "fail-operation",
        path: resource,
        code: "AllocationFailed",
        message: "no room in the region",
      }),
    });
    if (!response.ok) throw new Error(`the simulator answered ${response.status}`);
  }

  /** Of somebody who may operate and read, but not administer. */
  async attendant(): Promise<Record<string, string>> {
    const { plan } = this.box;
    return { authorization: `Bearer ${await tokenOf({ ...plan, operator: plan.attendant }, API_AUDIENCE)}` };
  }

  /** Switches the first machine off, as `az vm stop` does. */
  async powerOff(): Promise<void> {
    const { ports, sourceVm } = this.box.plan;
    const url = `https://127.0.0.1:${ports.arm}${sourceVm.id}/powerOff?api-version=2025-04-01`;
    const token = await this.box.token("https://management.azure.com");
    const answer = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    if (answer.status !== 202)
      throw new Error(`the simulator answered ${answer.status}: ${await answer.text()}`);
  }

  /** What Resource Manager has of a type in a group. */
  async armNames(group: string, type: string): Promise<string[]> {
    const { ports, subscription } = this.box.plan;
    const id = `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}`;
    const token = await this.box.token("https://management.azure.com");
    const answer = await fetch(`https://127.0.0.1:${ports.arm}${id}?api-version=2025-04-01`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return list.parse(await answer.json()).value.map(({ name }) => name);
  }

  /** @param headers over the operator's token */
  async call(
    method: string,
    target: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const url = new URL(target, this.box.endpoint);
    if (!url.searchParams.has("api-version")) url.searchParams.set("api-version", API_VERSION);
    if (url.searchParams.get("api-version") === "") url.searchParams.delete("api-version");
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: { authorization: `Bearer ${this.#token}`, ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? undefined : jsonOf(text),
    };
  }
}

const list = z.object({ value: z.array(z.object({ name: z.string() })) });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const errorBody = z.object({
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }),
});

/** Code, message and remedy of an error answer. @throws when it is none */
export const errorOf = (answer: Answer) => ({ status: answer.status, ...errorBody.parse(answer.body).error });
