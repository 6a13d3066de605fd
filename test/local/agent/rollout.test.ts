import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { type Server, createServer } from "node:https";
import path from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { packageAgent } from "../../../build.ts";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { ensureNetworkInterface, ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import { ensureVirtualMachine } from "../../../engine/azure/virtual-machine.ts";
import { ensureVmExtension, extensionId } from "../../../engine/azure/vm-extension.ts";
import { type ArmId, armId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes, diskIndex } from "../../../engine/core/units.ts";
import { type SourceDisk, itemKey } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { rolloutActivities } from "../../../functions/activities/agent-rollout.ts";
import type { Services } from "../../../functions/services.ts";
import { NORTH, type TestBox, finished, groupId, idOf, startBox, temporary } from "../arm/fixture.ts";
import { protectedItem } from "../../unit/engine/recovery/fixture.ts";

/** The control plane installs on a simulated VM by a real shell, below a folder in place of `/`, what a real server gives it. */

const ROOT = path.join(import.meta.dirname, "../../..");
const PACKAGE = path.join(ROOT, "dist/agent");
const owner = { machine: machineId("ledger"), role: "target" } as const;

let box: TestBox;
let server: Server;
let url: string;
beforeAll(async () => {
  await packageAgent(PACKAGE);
  box = await startBox({ config: { retryAfter: 1 } });
  server = createServer(
    { cert: readFileSync(box.certificates.cert), key: readFileSync(box.certificates.key) },
    (request, response) => response.end(readFileSync(path.join(PACKAGE, path.basename(request.url ?? "")))),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  url = `https://127.0.0.1:${address.port}`;
  await box.client.put(groupId("g"), { location: NORTH });
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const id = idOf("g", "Microsoft.Network/virtualNetworks", "net");
  const net = { id, location: NORTH, addressPrefixes: ["10.1.0.0/16"], subnets, owner };
  await finished(box.client, await ensureVirtualNetwork(box.client, net));
});
afterAll(async () => {
  server.close();
  await box.close();
});

async function vm(name: string): Promise<ArmId> {
  const os = idOf("g", "Microsoft.Compute/disks", `${name}-os`);
  const source = { from: "empty", size: bytes(MIB) } as const;
  const disk = { id: os, location: NORTH, sku: "Premium_LRS", source, owner };
  await finished(box.client, await ensureDisk(box.client, disk));
  const nic = idOf("g", "Microsoft.Network/networkInterfaces", name);
  const subnet = armId(`${idOf("g", "Microsoft.Network/virtualNetworks", "net")}/subnets/apps`);
  await finished(
    box.client,
    await ensureNetworkInterface(box.client, { id: nic, location: NORTH, subnet, owner }),
  );
  const id = idOf("g", "Microsoft.Compute/virtualMachines", name);
  await finished(
    box.client,
    await ensureVirtualMachine(box.client, {
      id,
      location: NORTH,
      size: "Standard_D2s_v5",
      osDisk: { id: os, caching: "ReadWrite", osType: "Linux" },
      dataDisks: [],
      networkInterfaces: [nic],
      tags: {},
      owner,
    }),
  );
  return id;
}

const dataDisk = (lun: number): SourceDisk => ({
  index: diskIndex(lun),
  id: idOf("g", "Microsoft.Compute/disks", `data-${lun}`),
  name: `data-${lun}`,
  size: bytes(MIB),
  sku: "Premium_LRS",
  caching: "None",
  lun,
});

/** A protected VM, and where its root folder is. */
async function machine(name: string, disks: readonly SourceDisk[] = [dataDisk(0), dataDisk(1)]) {
  const item = protectedItem({ vmId: await vm(name) });
  const root = path.join(temporary(), "root");
  mkdirSync(root);
  const settings = { publicUrl: url, audience: "api://leeward", agentRollout: "script" };
  const services: Services = {
    ...Object.create(null),
    records: recordsIn(new MemoryRecordStore()),
    settings,
    arm: box.client,
  };
  await services.records.items.create(itemKey(item.id), {
    ...item,
    source: {
      region: NORTH,
      vmSize: "Standard_D2s_v5",
      tags: {},
      principal: "p",
      network: { name: "net", addressPrefixes: [], subnets: [] },
      nics: [],
      disks: [...disks],
    },
  });
  box.hypervisor.shell = (script) => shell(script, root);
  onTestFinished(() => void (box.hypervisor.shell = undefined));
  const tools = { services, client: Object.create(null) };
  return {
    item,
    root,
    of: { machine: item.machine },
    tools,
    read: (file: string) => readFileSync(path.join(root, file), "utf8"),
  };
}

/** As root would run it, with the machine's root folder somewhere else. */
async function shell(script: string, root: string) {
  const env = {
    PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`,
    DESTDIR: root,
    CURL_CA_BUNDLE: box.certificates.ca,
    SSL_CERT_FILE: box.certificates.ca,
  };
  const child = spawn("sh", ["-c", script], { env });
  let output = "";
  let error = "";
  child.stdout.on("data", (part) => (output += String(part)));
  child.stderr.on("data", (part) => (error += String(part)));
  const [exitCode]: number[] = await once(child, "close");
  return { exitCode: exitCode ?? -1, output, error };
}

test("the extension's script installs the package by its checksums, with settings and disks and no secret", async () => {
  const { of, tools, read, root } = await machine("plain");
  const sent = await rolloutActivities.installAgent(of, tools);
  await finished(box.client, sent);
  expect(JSON.parse(read("etc/leeward/agent.json"))).toEqual({
    endpoint: url,
    audience: "api://leeward",
    machine: of.machine,
  });
  expect(read("etc/leeward/agent.env")).toContain(
    "--disk /dev/disk/azure/scsi1/lun0 --disk /dev/disk/azure/scsi1/lun1",
  );
  expect(readFileSync(path.join(root, "opt/leeward/leeward-agent.mjs"))).toEqual(
    readFileSync(path.join(PACKAGE, "leeward-agent.mjs")),
  );
  expect(box.hypervisor.extensions.at(-1)).toMatchObject({ type: "CustomScript", protectedSettings: {} });
  expect(await rolloutActivities.observeInstall(of, tools)).toMatchObject({
    carrier: "extension",
    state: "Succeeded",
  });
});

test("a VM whose owner uses the extension gets a run command, whose view tells how it went", async () => {
  const { item, of, tools, read } = await machine("scripted");
  const foreign = {
    id: extensionId(item.vmId, "TheOwners"),
    location: NORTH,
    publisher: "Microsoft.Azure.Extensions",
    type: "CustomScript",
    version: "2.1",
    settings: {},
    owner,
  };
  await finished(box.client, await ensureVmExtension(box.client, foreign));
  await finished(box.client, await rolloutActivities.installAgent(of, tools));
  expect(read("opt/leeward/leeward-agent.mjs").length).toBeGreaterThan(MIB);
  expect(await rolloutActivities.observeInstall(of, tools)).toEqual({
    carrier: "command",
    state: "Succeeded",
    exitCode: 0,
    said: "leeward agent: installed, and started anew\n",
  });
  await finished(box.client, await rolloutActivities.installAgent(of, tools));
  // Removal, and what carried it; the owner's own extension stays.
  await finished(box.client, await rolloutActivities.removeAgent(of, tools));
  expect(() => read("etc/leeward/agent.json")).toThrow("ENOENT");
  await finished(box.client, await rolloutActivities.dropAgentExtension(of, tools));
  await finished(box.client, await rolloutActivities.dropAgentCommand(of, tools));
  expect(await rolloutActivities.observeInstall(of, tools)).toMatchObject({ carrier: "none" });
  expect(await box.client.find(foreign.id)).toBeDefined();
});

test("a package that was changed on its way is refused, and the error says so", async () => {
  const { of, tools, root } = await machine("attacked");
  box.hypervisor.shell = (script) => shell(script.replace(/^[0-9a-f]{64}/m, "0".repeat(64)), root);
  await expect(
    finished(box.client, await rolloutActivities.installAgentByCommand(of, tools)),
  ).rejects.toThrow(/code 1/);
  expect(await rolloutActivities.observeInstall(of, tools)).toMatchObject({
    state: "Failed",
    exitCode: 1,
    said: expect.stringContaining("sha256sum"),
  });
  expect(() => readFileSync(path.join(root, "opt/leeward/leeward-agent.mjs"))).toThrow("ENOENT");
});

test("the disk that a machine boots from is refused before anything reaches it", async () => {
  const { lun: _, ...os } = dataDisk(0);
  const { of, tools } = await machine("booting", [{ ...os, osType: "Linux" }, dataDisk(1)]);
  let runs = 0;
  box.hypervisor.shell = async () => ({ exitCode: runs++, output: "", error: "" });
  await expect(rolloutActivities.installAgent(of, tools)).rejects.toThrow(/cannot stand before the disk/);
  expect(runs).toBe(0);
});
