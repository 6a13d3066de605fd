import { writeFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { ensureDisk, getDisk } from "../../../engine/azure/disk.ts";
import { ensureNetworkInterface, ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import { ensureResourceGroup, findResourceGroup } from "../../../engine/azure/resource-group.ts";
import { ensureVirtualMachine, findVirtualMachine } from "../../../engine/azure/virtual-machine.ts";
import { remove } from "../../../engine/azure/resource.ts";
import { armId } from "../../../engine/core/ids.ts";
import { MIB, bytes } from "../../../engine/core/units.ts";
import { NORTH, type TestBox, WEST, finished, groupId, idOf, startBox, temporary } from "./fixture.ts";

const owner = { machine: "shared", role: "test" } as const;
const network = idOf("g", "Microsoft.Network/virtualNetworks", "net");
const nic = idOf("g", "Microsoft.Network/networkInterfaces", "nic");
const osDisk = idOf("g", "Microsoft.Compute/disks", "os");
const vm = idOf("g", "Microsoft.Compute/virtualMachines", "vm");

const open: TestBox[] = [];
afterEach(async () => {
  for (const box of open.splice(0)) await box.close();
});
async function start(...settings: Parameters<typeof startBox>): Promise<TestBox> {
  const box = await startBox(...settings);
  open.push(box);
  return box;
}

const diskSpec = (location: string) => ({
  id: osDisk,
  location,
  sku: "Premium_LRS",
  source: { from: "empty", size: bytes(MIB) } as const,
  owner,
});

async function withMachine(box: TestBox, location: string): Promise<void> {
  const { client } = box;
  await ensureResourceGroup(client, { id: groupId("g"), location, owner });
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const net = { id: network, location, addressPrefixes: ["10.1.0.0/16"], subnets, owner };
  await finished(client, await ensureVirtualNetwork(client, net));
  const subnet = armId(`${network}/subnets/apps`);
  await finished(client, await ensureNetworkInterface(client, { id: nic, location, subnet, owner }));
  await finished(client, await ensureDisk(client, diskSpec(location)));
  const machine = {
    id: vm,
    location,
    size: "Standard_D2s_v5",
    osDisk: { id: osDisk, caching: "ReadWrite", osType: "Linux" } as const,
    dataDisks: [],
    networkInterfaces: [nic],
    owner,
  };
  await finished(client, await ensureVirtualMachine(client, machine));
}

test("a lost region does not answer, and its VMs are without power; the other goes on", async () => {
  const box = await start();
  await withMachine(box, WEST);
  expect((await box.admin("POST", `/box/regions/${WEST}/lose`)).body).toEqual({ lost: [WEST] });
  expect(box.hypervisor.running.size).toBe(0);
  await expect(findVirtualMachine(box.client, vm)).rejects.toMatchObject({ code: "ArmUnavailable" });
  const another = { ...diskSpec(WEST), id: idOf("g", "Microsoft.Compute/disks", "another") };
  await expect(ensureDisk(box.client, another)).rejects.toMatchObject({ code: "ArmUnavailable" });
  await finished(box.client, await ensureDisk(box.client, { ...another, location: NORTH }));
  expect(await findResourceGroup(box.client, groupId("g"))).toBeDefined();
  await box.admin("POST", `/box/regions/${WEST}/restore`);
  expect(box.hypervisor.running.size).toBe(1);
  expect(await findVirtualMachine(box.client, vm)).toBeDefined();
});

test("the box's own endpoint wants its own token", async () => {
  const box = await start();
  expect((await box.call("GET", "/box/state")).status).toBe(401);
  expect((await box.call("GET", "/box/state", { authorization: "Bearer wrong" })).status).toBe(401);
  expect((await box.admin("GET", "/box/state")).body).toMatchObject({ regions: [WEST, NORTH], lost: [] });
  expect((await box.admin("POST", "/box/regions/atlantis/lose")).status).toBe(404);
  expect((await box.admin("POST", "/box/faults", { kind: "explode" })).status).toBe(400);
});

test("a refusal on request hits the next calls that match, and no others", async () => {
  const box = await start();
  await box.admin("POST", "/box/faults", {
    kind: "status",
    status: 503,
    code: "ServiceUnavailable",
    retryAfter: 7,
    method: "put",
    path: "/resourceGroups/G",
    times: 2,
  });
  const ensuring = () => ensureResourceGroup(box.client, { id: groupId("g"), location: NORTH, owner });
  for (const _ of [1, 2])
    await expect(ensuring()).rejects.toMatchObject({
      code: "ArmUnavailable",
      retryAfter: 7000,
    });
  expect(await findResourceGroup(box.client, groupId("g"))).toBeUndefined();
  expect(await ensuring()).toEqual({ id: groupId("g") });
});

test("a reply that is lost after the deed is repaired by doing it again", async () => {
  const box = await start();
  await box.client.put(groupId("g"), { location: NORTH });
  await box.admin("POST", "/box/faults", { kind: "lose-reply", method: "PUT", path: "/disks/" });
  await expect(ensureDisk(box.client, diskSpec(NORTH))).rejects.toMatchObject({ code: "ArmUnavailable" });
  await finished(box.client, await ensureDisk(box.client, diskSpec(NORTH)));
  expect((await getDisk(box.client, osDisk)).properties.provisioningState).toBe("Succeeded");
});

test("an operation that fails on request fails in its own body, and can be tried again", async () => {
  const box = await start();
  await box.client.put(groupId("g"), { location: NORTH });
  await box.admin("POST", "/box/faults", {
    kind: "fail-operation",
    path: "/disks/os",
    code: "AllocationFailed",
    message: "No room.",
  });
  const begun = await ensureDisk(box.client, diskSpec(NORTH));
  await expect(finished(box.client, begun)).rejects.toMatchObject({
    code: "ArmFailed",
    message: expect.stringContaining("AllocationFailed: No room."),
  });
  expect((await getDisk(box.client, osDisk)).properties.provisioningState).toBe("Failed");
  await finished(box.client, await ensureDisk(box.client, diskSpec(NORTH)));
  expect((await getDisk(box.client, osDisk)).properties.provisioningState).toBe("Succeeded");
});

test("faults that did not happen yet can be taken back", async () => {
  const box = await start();
  await box.admin("POST", "/box/faults", { kind: "status", times: 9 });
  expect((await box.admin("DELETE", "/box/faults")).status).toBe(204);
  expect((await box.client.put(groupId("g"), { location: NORTH })).status).toBe(201);
});

test("deleting a group deletes what is in it", async () => {
  const box = await start();
  await withMachine(box, NORTH);
  await finished(box.client, await remove(box.client, groupId("g"), owner));
  expect(box.hypervisor.running.size).toBe(0);
  const { body } = await box.admin("GET", "/box/state");
  expect(body).toMatchObject({ groups: [], disks: [], virtualMachines: [], networkInterfaces: [] });
});

test("a simulator that comes back has everything, powers its VMs on and ends what it began", async () => {
  const first = await start();
  await withMachine(first, NORTH);
  await first.close();
  const { directory } = first;
  const second = await start({
    directory,
    port: Number(new URL(first.url).port),
    config: { operationTime: 1e9 },
  });
  expect(second.hypervisor.calls).toEqual(["on vm"]);
  const spec = { ...diskSpec(NORTH), id: idOf("g", "Microsoft.Compute/disks", "late") };
  const begun = await ensureDisk(second.client, spec);
  await second.close();
  const third = await start({ directory, port: Number(new URL(first.url).port) });
  await finished(third.client, begun);
  expect((await getDisk(third.client, spec.id)).properties.diskState).toBe("Unattached");
});

test("stopping pulls every plug, and the next start plugs in what ran", async () => {
  const first = await start();
  await withMachine(first, NORTH);
  open.splice(0);
  await first.stop();
  expect(first.hypervisor.running.size).toBe(0);
  const second = await start({ directory: first.directory });
  expect(second.hypervisor.calls).toEqual(["on vm"]);
});

test("a box begins with the resources of its seed, with the disk images it was given", async () => {
  const directory = temporary();
  const file = `${directory}/ledger.img`;
  writeFileSync(file, Buffer.alloc(MIB, 5));
  const subnet = armId(`${network}/subnets/apps`);
  const seed = [
    { id: groupId("g"), body: { location: WEST } },
    {
      id: network,
      body: {
        location: WEST,
        properties: {
          addressSpace: { addressPrefixes: ["10.1.0.0/16"] },
          subnets: [{ name: "apps", properties: { addressPrefix: "10.1.0.0/24" } }],
        },
      },
    },
    {
      id: nic,
      body: {
        location: WEST,
        properties: { ipConfigurations: [{ name: "primary", properties: { subnet: { id: subnet } } }] },
      },
    },
    {
      id: osDisk,
      file,
      body: { location: WEST, properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1 } },
    },
    {
      id: vm,
      body: {
        location: WEST,
        properties: {
          hardwareProfile: { vmSize: "Standard_D2s_v5" },
          storageProfile: {
            osDisk: { osType: "Linux", createOption: "Attach", managedDisk: { id: osDisk } },
          },
          networkProfile: { networkInterfaces: [{ id: nic }] },
        },
      },
    },
    {
      id: idOf("g", "Microsoft.Storage/storageAccounts", "leeward"),
      pool: "west2",
      body: { location: WEST, kind: "StorageV2", sku: { name: "Standard_LRS" } },
    },
  ];
  const box = await start({ config: { seed } });
  expect(box.hypervisor.running.get(vm.toLowerCase())?.disks).toEqual([
    { slot: "os", name: "os", file, size: MIB },
  ]);
  const account = await box.client.get(idOf("g", "Microsoft.Storage/storageAccounts", "leeward"));
  expect(account.body).toMatchObject({
    properties: {
      provisioningState: "Succeeded",
      primaryEndpoints: { blob: expect.stringContaining("/west2/") },
    },
  });
});
