import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { armId } from "../../../engine/core/ids.ts";
import { MIB, bytes, micros, millis } from "../../../engine/core/units.ts";
import type { PoweredVm } from "../../../local/arm/hypervisor.ts";
import { Customers } from "../../../local/machine/customers.ts";
import { createImage, openFileDevice } from "../../../local/machine/file-device.ts";
import { formatLedger } from "../../../local/machine/format-ledger.ts";
import { ProcessHypervisor } from "../../../local/machine/hypervisor.ts";
import type { Order } from "../../../local/machine/ledger.ts";
import { compareOrders, ordersProved } from "../../../local/machine/proof.ts";
import { type MachineInfo, machineInfoOf, vmDirectory } from "../../../local/machine/vm-directory.ts";
import { isAlive } from "../../../local/process/pid-file.ts";

const id = armId("/subscriptions/s/resourceGroups/Shop/providers/Microsoft.Compute/virtualMachines/ledger");
const SIZE = bytes(16 * MIB);
const orderList = z.object({ orders: z.array(z.custom<Order>()) });

let box: string;
let vm: PoweredVm;
let hypervisor: ProcessHypervisor;
beforeEach(async () => {
  box = mkdtempSync(path.join(tmpdir(), "leeward-box-"));
  const file = path.join(box, "disk.img");
  await createImage(file, SIZE);
  const device = await openFileDevice(file);
  await formatLedger(device, { seed: 1, archiveBytes: MIB });
  await device.close();
  vm = {
    id,
    name: "ledger",
    region: "westeurope",
    disks: [{ slot: "os", name: "ledger-os", file, size: SIZE }],
    addresses: ["10.0.0.4"],
    tags: {},
    identity: { IDENTITY_ENDPOINT: "https://127.0.0.1:1/token", IDENTITY_HEADER: "secret" },
  };
  hypervisor = new ProcessHypervisor({ box, withAgent: [], agentsOnCopies: false, keepBootImages: false });
});
afterEach(async () => {
  await hypervisor.powerOff(id);
  rmSync(box, { recursive: true });
});

async function machine(): Promise<MachineInfo> {
  const info = await machineInfoOf(vmDirectory(box, id));
  if (!info) throw new Error("the machine never started");
  return info;
}
async function ordersOf({ url }: MachineInfo): Promise<Order[]> {
  const response = await fetch(`${url}/orders?limit=10000`);
  return orderList.parse(await response.json()).orders;
}

test("a VM runs on its disk, survives pulling the plug, and comes back at its address with every order", async () => {
  await Promise.all([hypervisor.powerOn(vm), hypervisor.powerOn(vm)]);
  expect(await hypervisor.state(id)).toBe("running");
  const first = await machine();
  const logFile = path.join(box, "orders.jsonl");
  const customers = new Customers({ url: first.url, seed: 3, customers: 4, thinkTime: millis(5), logFile });
  await until(() => customers.figures.acknowledged > 100);
  await hypervisor.powerOff(id);
  expect(isAlive(first.pid)).toBe(false);
  expect(await hypervisor.state(id)).toBe("stopped");
  const log = await customers.stop();
  expect(readFileSync(logFile, "utf8").trimEnd().split("\n")).toHaveLength(
    log.acknowledged.length + log.unanswered.length,
  );

  await hypervisor.powerOn(vm);
  const second = await machine();
  expect(second.url).toBe(first.url);
  expect(second.pid).not.toBe(first.pid);
  const never = micros(8e15);
  const found = compareOrders(log, await ordersOf(second), never);
  expect(found).toMatchObject({ missing: [], changed: [], unknown: [], outOfOrder: [] });
  expect(ordersProved(found)).toBe(true);
});

test("a new hypervisor takes over a VM that runs", async () => {
  await hypervisor.powerOn(vm);
  const before = await machine();
  const next = new ProcessHypervisor({ box, withAgent: [], agentsOnCopies: false, keepBootImages: false });
  expect(await next.state(id)).toBe("stopped");
  await next.powerOn(vm);
  expect(await next.state(id)).toBe("running");
  expect((await machine()).pid).toBe(before.pid);
  await next.powerOffAll();
  expect(isAlive(before.pid)).toBe(false);
});

test("a VM whose disk is no ledger does not come up, and says why", async () => {
  const blank = {
    ...vm,
    disks: [{ slot: "os" as const, name: "x", file: path.join(box, "none"), size: SIZE }],
  };
  await expect(hypervisor.powerOn(blank)).rejects.toThrow(/did not come up:\s.*none/);
  expect(await hypervisor.state(id)).toBe("stopped");
});

test("an extension for a VM without an agent is refused", async () => {
  await hypervisor.powerOn(vm);
  const settings = { endpoint: "https://127.0.0.1:1", audience: "api://leeward", machine: "ledger-1" };
  const extension = { name: "a", publisher: "p", type: "t", settings, protectedSettings: {} };
  await expect(hypervisor.installExtension(id, extension)).rejects.toThrow("no agent");
  expect(existsSync(vmDirectory(box, id).agentConfig)).toBe(false);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}
