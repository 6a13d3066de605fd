import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { type Box, type BoxOptions, openBox } from "../../local/box/box.ts";
import { tokenOf } from "../../local/box/identity.ts";
import { API_AUDIENCE } from "../../local/box/place.ts";
import { LEDGER_DISK_BYTES, prepareLedgerDisks } from "../../local/demo/ledger-disk.ts";

const API_VERSION = "2025-08-01";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined when the body is empty. */
  readonly body: unknown;
}

/** A box of its own, and plain HTTP to its control plane. */
export class BoxFixture {
  readonly directory = mkdtempSync(path.join(tmpdir(), "leeward-box-"));
  #box: Box | undefined;
  #token = "";

  get box(): Box {
    if (!this.#box) throw new Error("the box is not open");
    return this.#box;
  }

  get vault(): string {
    return this.box.plan.vaultPath;
  }

  /** @param archiveBytes of documents on each machine's disk */
  async open(
    pointSchedule = "*/2 * * * * *",
    machines: BoxOptions["machines"] = [{ name: "ledger", disks: [LEDGER_DISK_BYTES] }],
    archiveBytes?: number,
  ): Promise<void> {
    this.#box = await openBox({
      directory: this.directory,
      machines,
      prepareDisk: async ({ sourceVms }) => {
        for (const [n, vm] of sourceVms.entries()) await prepareLedgerDisks(vm, 1 + n, archiveBytes);
      },
      pointSchedule,
      onProgress: () => undefined,
    });
    this.#token = await this.#box.token();
  }

  async close(): Promise<void> {
    await this.#box?.stop();
    rmSync(this.directory, { recursive: true, force: true });
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
