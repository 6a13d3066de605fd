import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureAvailabilitySet, getAvailabilitySet } from "../../../engine/azure/availability-set.ts";
import { ensureDisk, getDisk } from "../../../engine/azure/disk.ts";
import {
  ensureNetworkInterface,
  ensureVirtualNetwork,
  getNetworkInterface,
} from "../../../engine/azure/network.ts";
import { remove } from "../../../engine/azure/resource.ts";
import {
  type VirtualMachineSpec,
  deallocateVirtualMachine,
  ensureVirtualMachine,
  getVirtualMachine,
  powerStateOf,
  startVirtualMachine,
  virtualMachineBody,
} from "../../../engine/azure/virtual-machine.ts";
import { ensureVmExtension, extensionId } from "../../../engine/azure/vm-extension.ts";
import { armId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes } from "../../../engine/core/units.ts";
import { NORTH, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

const owner = { machine: machineId("ledger"), role: "target" } as const;
const network = idOf("g", "Microsoft.Network/virtualNetworks", "net");
const set = idOf("g", "Microsoft.Compute/availabilitySets", "set");
const diskId = (name: string) => idOf("g", "Microsoft.Compute/disks", name);
const nicId = (name: string) => idOf("g", "Microsoft.Network/networkInterfaces", name);
const vmId = (name: string) => idOf("g", "Microsoft.Compute/virtualMachines", name);

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  await box.client.put(groupId("g"), { location: NORTH });
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const net = { id: network, location: NORTH, addressPrefixes: ["10.1.0.0/16"], subnets, owner };
  await finished(box.client, await ensureVirtualNetwork(box.client, net));
  await ensureAvailabilitySet(box.client, {
    id: set,
    location: NORTH,
    faultDomains: 2,
    updateDomains: 5,
    owner,
  });
});
afterAll(() => box.close());
beforeEach(() => void box.hypervisor.calls.splice(0));

async function parts(name: string): Promise<VirtualMachineSpec> {
  for (const disk of [`${name}-os`, `${name}-data`]) {
    const source = { from: "empty", size: bytes(MIB) } as const;
    const spec = { id: diskId(disk), location: NORTH, sku: "Premium_LRS", source, owner };
    await finished(box.client, await ensureDisk(box.client, spec));
  }
  const nic = { id: nicId(name), location: NORTH, subnet: armId(`${network}/subnets/apps`), owner };
  await finished(box.client, await ensureNetworkInterface(box.client, nic));
  return {
    id: vmId(name),
    location: NORTH,
    size: "Standard_D2s_v5",
    osDisk: { id: diskId(`${name}-os`), caching: "ReadWrite", osType: "Linux" },
    dataDisks: [{ id: diskId(`${name}-data`), caching: "None", lun: 3 }],
    networkInterfaces: [nicId(name)],
    availabilitySet: set,
    tags: { team: "shop" },
    owner,
  };
}

async function built(name: string): Promise<VirtualMachineSpec> {
  const spec = await parts(name);
  await finished(box.client, await ensureVirtualMachine(box.client, spec));
  return spec;
}

const diskStates = async (name: string) =>
  Promise.all(
    [`${name}-os`, `${name}-data`].map(async (disk) => {
      const { managedBy, properties } = await getDisk(box.client, diskId(disk));
      return [properties.diskState, managedBy];
    }),
  );

test("a VM is built from attached disks and a NIC, and powered on", async () => {
  const spec = await built("whole");
  const machine = await getVirtualMachine(box.client, spec.id);
  expect(powerStateOf(machine)).toBe("running");
  expect(machine.tags).toEqual({ team: "shop", "leeward-machine": "ledger", "leeward-role": "target" });
  expect(machine.properties.storageProfile.dataDisks).toMatchObject([
    { lun: 3, managedDisk: { id: diskId("whole-data") } },
  ]);
  expect(await diskStates("whole")).toEqual([
    ["Attached", spec.id],
    ["Attached", spec.id],
  ]);
  const nic = await getNetworkInterface(box.client, nicId("whole"));
  expect(nic.properties.virtualMachine?.id).toBe(spec.id);
  const { properties } = await getAvailabilitySet(box.client, set);
  expect(properties.virtualMachines).toContainEqual({ id: spec.id });
  const powered = box.hypervisor.running.get(spec.id.toLowerCase());
  expect(powered).toMatchObject({
    name: "whole",
    region: NORTH,
    addresses: [nic.properties.ipConfigurations[0]?.properties.privateIPAddress],
    disks: [
      { slot: "os", name: "whole-os", file: `${box.directory}/disks/whole-os.img` },
      { slot: 3, name: "whole-data" },
    ],
    identity: { IDENTITY_ENDPOINT: box.identityEndpoint },
  });
});

test("processes in a VM get tokens of the VM's own identity", async () => {
  const spec = await built("identity");
  const secret = box.hypervisor.running.get(spec.id.toLowerCase())?.identity.IDENTITY_HEADER ?? "";
  const claims = decodeJwt(await box.token(secret, "api://leeward"));
  expect(claims).toMatchObject({ roles: ["Leeward.Agent"] });
  expect(claims["oid"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("building it twice keeps the VM as it is", async () => {
  const spec = await built("twice");
  expect(await ensureVirtualMachine(box.client, { ...spec, size: "Standard_E4s_v5" })).toEqual({
    id: spec.id,
  });
  const { properties } = await getVirtualMachine(box.client, spec.id);
  expect(properties.hardwareProfile.vmSize).toBe("Standard_D2s_v5");
  expect(box.hypervisor.calls).toEqual(["on twice"]);
});

test("a deallocated VM keeps its disks in reserve and starts again", async () => {
  const spec = await built("rest");
  await finished(box.client, await deallocateVirtualMachine(box.client, spec.id));
  expect(powerStateOf(await getVirtualMachine(box.client, spec.id))).toBe("deallocated");
  expect((await diskStates("rest")).map(([state]) => state)).toEqual(["Reserved", "Reserved"]);
  await finished(box.client, await startVirtualMachine(box.client, spec.id));
  expect(powerStateOf(await getVirtualMachine(box.client, spec.id))).toBe("running");
  expect((await diskStates("rest")).map(([state]) => state)).toEqual(["Attached", "Attached"]);
  expect(box.hypervisor.calls).toEqual(["on rest", "off rest", "on rest"]);
});

test("deleting a VM frees its disks, its NIC and its set, and leaves them there", async () => {
  const spec = await built("short");
  await expect(remove(box.client, nicId("short"), owner)).rejects.toThrow("NicInUse");
  await expect(remove(box.client, diskId("short-os"), owner)).rejects.toThrow(/attached to VM/);
  await finished(box.client, await remove(box.client, spec.id, owner));
  expect(box.hypervisor.running.has(spec.id.toLowerCase())).toBe(false);
  expect(await diskStates("short")).toEqual([
    ["Unattached", undefined],
    ["Unattached", undefined],
  ]);
  await finished(box.client, await remove(box.client, nicId("short"), owner));
  await finished(box.client, await remove(box.client, diskId("short-os"), owner));
  const { properties } = await getAvailabilitySet(box.client, set);
  expect(properties.virtualMachines).not.toContainEqual({ id: spec.id });
});

test("a VM that does not start is a failed operation with the reason", async () => {
  const spec = await parts("weak");
  box.hypervisor.refusal = "no such machine program";
  const begun = await ensureVirtualMachine(box.client, spec);
  await expect(finished(box.client, begun)).rejects.toMatchObject({ code: "ArmFailed" });
  const failed = await getVirtualMachine(box.client, spec.id);
  expect(failed.properties.provisioningState).toBe("Failed");
  await finished(box.client, await ensureVirtualMachine(box.client, spec));
  expect((await getVirtualMachine(box.client, spec.id)).properties.provisioningState).toBe("Succeeded");
});

test("disks and NICs of one VM are not another's", async () => {
  const taken = await built("first");
  const other = await parts("second");
  const withDisk = { ...other, osDisk: taken.osDisk };
  await expect(ensureVirtualMachine(box.client, withDisk)).rejects.toThrow(
    /ConflictingUserInput.*already owned/,
  );
  const withNic = { ...other, networkInterfaces: taken.networkInterfaces };
  await expect(ensureVirtualMachine(box.client, withNic)).rejects.toThrow("NicInUse");
  expect((await diskStates("second"))[0]).toEqual(["Unattached", undefined]);
});

test("what Azure refuses for a VM with attached disks is refused", async () => {
  const spec = await parts("picky");
  const body = virtualMachineBody(spec);
  const put = (change: object) =>
    box.client.put(spec.id, { ...body, properties: { ...body.properties, ...change } });
  await expect(put({ osProfile: { computerName: "x" } })).rejects.toThrow(/osProfile/);
  const fromImage = { ...body.properties.storageProfile.osDisk, createOption: "FromImage" };
  await expect(put({ storageProfile: { osDisk: fromImage } })).rejects.toThrow(/InvalidRequestContent/);
  await expect(box.client.put(spec.id, { ...body, zones: ["1"] })).rejects.toThrow(/zone/);
  await expect(box.client.put(spec.id, { ...body, location: WEST })).rejects.toThrow(/different regions/);
  const gone = { ...spec, osDisk: { ...spec.osDisk, id: diskId("gone") } };
  await expect(box.client.put(spec.id, virtualMachineBody(gone))).rejects.toThrow(/404 NotFound/);
});

test("a disk in the middle of its upload cannot be attached", async () => {
  const spec = await parts("early");
  const source = { from: "upload", size: bytes(32 * MIB) } as const;
  const disk = { id: diskId("early-up"), location: NORTH, sku: "Standard_LRS", source, owner };
  await finished(box.client, await ensureDisk(box.client, disk));
  const early = { ...spec, osDisk: { ...spec.osDisk, id: disk.id } };
  await expect(ensureVirtualMachine(box.client, early)).rejects.toThrow(/ReadyToUpload/);
});

test("a VM never changes its availability set, nor the set its fault domains", async () => {
  const { availabilitySet: _, ...without } = await built("set");
  const body = { ...virtualMachineBody(without) };
  await expect(box.client.put(without.id, body)).rejects.toThrow("PropertyChangeNotAllowed");
  const changed = {
    location: NORTH,
    properties: { platformFaultDomainCount: 3, platformUpdateDomainCount: 5 },
  };
  await expect(box.client.put(set, changed)).rejects.toThrow("PropertyChangeNotAllowed");
  await expect(remove(box.client, set, owner)).rejects.toThrow("OperationNotAllowed");
});

test("an extension carries its settings into a running VM; secrets are not given back", async () => {
  const spec = await built("extended");
  const id = extensionId(spec.id, "LeewardAgent");
  const extension = {
    id,
    location: NORTH,
    publisher: "Microsoft.Azure.Extensions",
    type: "CustomScript",
    version: "2.1",
    settings: { endpoint: "https://leeward.example" },
    protectedSettings: { commandToExecute: "install --key hush" },
    owner,
  };
  await finished(box.client, await ensureVmExtension(box.client, extension));
  expect(box.hypervisor.extensions.at(-1)).toMatchObject({
    settings: { endpoint: "https://leeward.example" },
    protectedSettings: { commandToExecute: "install --key hush" },
  });
  const got = await box.client.get(id);
  expect(JSON.stringify(got.body)).not.toContain("hush");
  const second = { ...extension, id: extensionId(spec.id, "Another") };
  await expect(ensureVmExtension(box.client, second)).rejects.toThrow(/per handler not supported/);
  await finished(box.client, await deallocateVirtualMachine(box.client, spec.id));
  await expect(ensureVmExtension(box.client, extension)).rejects.toThrow(/not running/);
});
