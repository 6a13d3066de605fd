import { expect, test } from "vitest";
import { availabilitySetBody } from "../../../../engine/azure/availability-set.ts";
import { type DiskSource, diskBody } from "../../../../engine/azure/disk.ts";
import { networkInterfaceBody, virtualNetworkBody } from "../../../../engine/azure/network.ts";
import { storageAccountBody } from "../../../../engine/azure/storage-account.ts";
import {
  type VirtualMachine,
  powerStateOf,
  virtualMachineBody,
} from "../../../../engine/azure/virtual-machine.ts";
import { vmExtensionBody } from "../../../../engine/azure/vm-extension.ts";
import { armId } from "../../../../engine/core/ids.ts";
import { GIB, MIB, bytes } from "../../../../engine/core/units.ts";

const owner = { machine: "shared", role: "test" } as const;
const id = armId("/subscriptions/s/resourceGroups/g/providers/Microsoft.X/y/z");
const base = { id, location: "northeurope", owner };
const machine = {
  ...base,
  size: "Standard_D2s_v5",
  osDisk: { id, caching: "ReadWrite", osType: "Linux" },
  dataDisks: [{ id, caching: "None", lun: 4 }],
  networkInterfaces: [id, id],
} as const;

const diskOf = (source: DiskSource) => diskBody({ ...base, sku: "Premium_LRS", source }).properties;

test("the size of an upload counts the footer, the size of an empty disk is whole GiB", () => {
  expect(diskOf({ from: "upload", size: bytes(64 * MIB) })).toEqual({
    creationData: { createOption: "Upload", uploadSizeBytes: 64 * MIB + 512 },
  });
  expect(diskOf({ from: "empty", size: bytes(GIB + 1) })).toMatchObject({ diskSizeGB: 2 });
});

test("an import names the account beside the blob, as Azure insists", () => {
  expect(diskOf({ from: "import", blobUrl: "https://a/b.vhd", storageAccount: id })).toEqual({
    creationData: { createOption: "Import", sourceUri: "https://a/b.vhd", storageAccountId: id },
  });
});

test("a VM's disks are attached and outlive it, and there is no osProfile", () => {
  const { properties } = virtualMachineBody(machine);
  expect(properties).not.toHaveProperty("osProfile");
  const attached = { createOption: "Attach", managedDisk: { id }, deleteOption: "Detach" };
  expect(properties.storageProfile.osDisk).toMatchObject({ ...attached, osType: "Linux" });
  expect(properties.storageProfile.dataDisks).toMatchObject([{ ...attached, lun: 4 }]);
});

test("the first NIC is the primary one", () => {
  const nics = virtualMachineBody(machine).properties.networkProfile.networkInterfaces;
  expect(nics.map(({ properties }) => properties.primary)).toEqual([true, false]);
});

test("what a VM has not is left out of its body", () => {
  const body = virtualMachineBody(machine);
  for (const name of ["zones", "tags", "plan"]) expect(body).not.toHaveProperty(name);
  for (const name of ["availabilitySet", "licenseType"]) expect(body.properties).not.toHaveProperty(name);
  const full = virtualMachineBody({
    ...machine,
    availabilitySet: id,
    zone: "1",
    licenseType: "RHEL_BYOS",
  });
  expect(full).toMatchObject({
    zones: ["1"],
    properties: { availabilitySet: { id }, licenseType: "RHEL_BYOS" },
  });
});

test("a NIC asks for its address, or for any", () => {
  const ip = (address?: string) =>
    networkInterfaceBody({ ...base, subnet: id, addresses: [{ name: "a", address }] }).properties
      .ipConfigurations[0];
  expect(ip("10.0.0.7")?.properties).toMatchObject({
    privateIPAllocationMethod: "Static",
    privateIPAddress: "10.0.0.7",
  });
  expect(ip()?.properties).toMatchObject({ privateIPAllocationMethod: "Dynamic" });
  expect(ip()?.properties).not.toHaveProperty("privateIPAddress");
});

test("storage accounts take no shared keys, no anonymous readers and no old TLS", () => {
  expect(storageAccountBody({ ...base, sku: "Standard_ZRS" }).properties).toEqual({
    minimumTlsVersion: "TLS1_2",
    supportsHttpsTrafficOnly: true,
    allowBlobPublicAccess: false,
    allowSharedKeyAccess: false,
  });
});

test("a network's subnets travel in its own body, and sets take managed disks", () => {
  const subnets = [{ name: "a", addressPrefix: "10.0.0.0/24" }];
  const network = virtualNetworkBody({ ...base, addressPrefixes: ["10.0.0.0/16"], subnets });
  expect(network.properties.subnets).toEqual([{ name: "a", properties: { addressPrefix: "10.0.0.0/24" } }]);
  expect(availabilitySetBody({ ...base, faultDomains: 2, updateDomains: 5 }).sku).toEqual({
    name: "Aligned",
  });
});

test("an extension's secrets stand in protectedSettings only", () => {
  const extension = { ...base, publisher: "p", type: "t", version: "1.0", settings: { a: 1 } };
  const { properties } = vmExtensionBody({ ...extension, protectedSettings: { key: "hush" } });
  expect(properties.protectedSettings).toEqual({ key: "hush" });
  expect(JSON.stringify(properties.settings)).not.toContain("hush");
});

test("the power state is read from the instance view, where there is one", () => {
  const state = (codes: readonly string[]) => {
    const instanceView = { statuses: codes.map((code) => ({ code })) };
    const { hardwareProfile, networkProfile } = {
      hardwareProfile: { vmSize: "x" },
      networkProfile: { networkInterfaces: [] },
    };
    const storageProfile = { osDisk: { caching: "None" }, dataDisks: [] } as const;
    const properties = { provisioningState: "Succeeded", hardwareProfile, networkProfile, instanceView };
    const vm: VirtualMachine = {
      ...base,
      name: "v",
      tags: {},
      properties: { ...properties, storageProfile: { ...storageProfile, dataDisks: [] } },
    };
    return powerStateOf(vm);
  };
  expect(state(["ProvisioningState/succeeded", "PowerState/deallocated"])).toBe("deallocated");
  expect(state(["ProvisioningState/succeeded"])).toBeUndefined();
});
