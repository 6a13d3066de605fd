import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { agentConfig } from "../../../engine/contract/agent-api.ts";
import { armId } from "../../../engine/core/ids.ts";
import { MIB, bytes, micros, millis } from "../../../engine/core/units.ts";
import { Customers } from "../../../local/machine/customers.ts";
import { createImage, openFileDevice } from "../../../local/machine/file-device.ts";
import { formatLedger } from "../../../local/machine/format-ledger.ts";
import { ProcessHypervisor } from "../../../local/machine/hypervisor.ts";
import { Ledger } from "../../../local/machine/ledger.ts";
import { compareOrders, ordersProved } from "../../../local/machine/proof.ts";
import { machineInfoOf, vmDirectory } from "../../../local/machine/vm-directory.ts";
import { runningProcess } from "../../../local/machine/vm-process.ts";

const id = armId("/subscriptions/s/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/ledger");
const SIZE = bytes(16 * MIB);

test("a machine behind its agent stalls while the agent is killed, and loses no order", async () => {
  const box = mkdtempSync(path.join(tmpdir(), "leeward-agent-"));
  const file = path.join(box, "disk.img");
  await createImage(file, SIZE);
  const blank = await openFileDevice(file);
  await formatLedger(blank, { seed: 1, archiveBytes: MIB });
  await blank.close();
  const hypervisor = new ProcessHypervisor({
    box,
    withAgent: [id],
    agentsOnCopies: false,
    keepBootImages: false,
  });
  const directory = vmDirectory(box, id);
  const agent = () => runningProcess(box, `agent-${directory.key}`);
  try {
    await hypervisor.powerOn({
      id,
      name: "ledger",
      region: "westeurope",
      disks: [{ slot: "os", name: "ledger-os", file, size: SIZE }],
      addresses: [],
      tags: {},
      identity: { IDENTITY_ENDPOINT: "https://127.0.0.1:1/token", IDENTITY_HEADER: "secret" },
    });
    const info = await machineInfoOf(directory);
    const url = info?.url ?? "";
    const logFile = path.join(box, "orders.jsonl");
    const customers = new Customers({ url, seed: 9, customers: 4, thinkTime: millis(10), logFile });
    for (let kills = 0; kills < 2; kills += 1) {
      const before = customers.figures.acknowledged;
      await until(() => customers.figures.acknowledged > before + 50);
      const pid = agent();
      process.kill(pid ?? 0, "SIGKILL");
      await until(() => ![undefined, pid].includes(agent()));
    }
    const after = customers.figures.acknowledged;
    await until(() => customers.figures.acknowledged > after + 50);

    const settings = { endpoint: "https://127.0.0.1:1/", audience: "api://leeward", machine: "ledger-1" };
    const extension = { name: "a", publisher: "p", type: "t", settings, protectedSettings: {} };
    await hypervisor.installExtension(id, extension);
    expect(agentConfig.parse(JSON.parse(await readFile(directory.agentConfig, "utf8")))).toEqual(settings);

    // Before the stop, which hangs up on orders that are still on their way after two seconds.
    expect(customers.log.unanswered).toEqual([]);
    const log = await customers.stop();
    await hypervisor.powerOff(id);
    expect(agent()).toBeUndefined();

    const device = await openFileDevice(file);
    const ledger = await Ledger.open({ database: device });
    const found = compareOrders(log, await ledger.list(0, 100_000), micros(8e15));
    const integrity = await ledger.integrity();
    await ledger.close();
    await device.close();
    expect(integrity.report).toEqual(["ok"]);
    expect(found).toMatchObject({ missing: [], changed: [], unknown: [], outOfOrder: [] });
    expect(ordersProved(found)).toBe(true);
  } finally {
    await hypervisor.powerOff(id);
    rmSync(box, { recursive: true });
  }
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}
