import { ComputeManagementClient } from "@azure/arm-compute";
import { NetworkManagementClient } from "@azure/arm-network";
import { ResourceManagementClient } from "@azure/arm-resources";
import { StorageManagementClient } from "@azure/arm-storage";
import { AnonymousCredential, PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { MIB, bytes } from "../../../engine/core/units.ts";
import { ARM_AUDIENCE, NORTH, OPERATOR, SUBSCRIPTION, type TestBox, startBox } from "./fixture.ts";

/** One machine's life, from its group to nothing, by Microsoft's four clients alone. The tests are its chapters, in order. */

const G = "life";
const SIZE = 32 * MIB;
const poll = { updateIntervalInMs: 1 };

let box: TestBox;
let compute: ComputeManagementClient;
let network: NetworkManagementClient;
let resources: ResourceManagementClient;
let storage: StorageManagementClient;

beforeAll(async () => {
  box = await startBox();
  const credential = {
    getToken: async () => ({
      token: await box.token(OPERATOR.secret, ARM_AUDIENCE),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  const options = { endpoint: box.url, tlsOptions: { ca: box.ca } };
  compute = new ComputeManagementClient(credential, SUBSCRIPTION, options);
  network = new NetworkManagementClient(credential, SUBSCRIPTION, options);
  resources = new ResourceManagementClient(credential, SUBSCRIPTION, options);
  storage = new StorageManagementClient(credential, SUBSCRIPTION, options);
});
afterAll(() => box.close());

function blobAt(url: string | undefined): PageBlobClient {
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = { tlsOptions: { ca: box.ca } };
  return new PageBlobClient(url ?? "", new AnonymousCredential(), options);
}

async function disk(name: string, os: boolean): Promise<string> {
  await compute.disks.createOrUpdate(
    G,
    name,
    {
      location: NORTH,
      sku: { name: "Premium_LRS" },
      ...(os && { osType: "Linux" }),
      creationData: { createOption: "Upload", uploadSizeBytes: SIZE + 512 },
    },
    poll,
  );
  const write = { access: "Write", durationInSeconds: 3600 };
  const blob = blobAt((await compute.disks.grantAccess(G, name, write, poll)).accessSAS);
  await blob.uploadPages(Buffer.alloc(MIB, 3), 0, MIB);
  await blob.uploadPages(vhdFooter(bytes(SIZE), Buffer.alloc(16)), SIZE, 512);
  await compute.disks.revokeAccess(G, name, poll);
  return (await compute.disks.get(G, name)).id ?? "";
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("a group, in a subscription whose providers are registered", async () => {
  const made = await resources.resourceGroups.createOrUpdate(G, { location: NORTH, tags: { for: "life" } });
  expect(made).toMatchObject({ name: G, location: NORTH, properties: { provisioningState: "Succeeded" } });
  expect(await resources.resourceGroups.checkExistence(G)).toMatchObject({ body: true });
  expect((await collected(resources.resourceGroups.list())).map(({ name }) => name)).toEqual([G]);
  expect((await resources.providers.get("Microsoft.Compute")).registrationState).toBe("Registered");
});

test("its network: security group, route table, address, subnets, two NICs", async () => {
  const nsg = await network.networkSecurityGroups.createOrUpdate(
    G,
    "nsg",
    {
      location: NORTH,
      securityRules: [
        {
          name: "ssh",
          protocol: "Tcp",
          priority: 100,
          access: "Allow",
          direction: "Inbound",
          sourceAddressPrefix: "10.0.0.0/8",
          sourcePortRange: "*",
          destinationAddressPrefix: "*",
          destinationPortRange: "22",
        },
      ],
    },
    poll,
  );
  expect(nsg.defaultSecurityRules).toHaveLength(6);
  const routes = await network.routeTables.createOrUpdate(G, "routes", { location: NORTH }, poll);
  const address = await network.publicIPAddresses.createOrUpdate(
    G,
    "ip",
    { location: NORTH, sku: { name: "Standard" }, publicIPAllocationMethod: "Static" },
    poll,
  );
  expect(address.ipAddress).toMatch(/^198\.51\.100\./);
  const net = await network.virtualNetworks.createOrUpdate(
    G,
    "net",
    {
      location: NORTH,
      addressSpace: { addressPrefixes: ["10.4.0.0/16"] },
      subnets: [
        {
          name: "apps",
          addressPrefix: "10.4.1.0/24",
          networkSecurityGroup: { id: nsg.id ?? "" },
          routeTable: { id: routes.id ?? "" },
        },
        { name: "data", addressPrefix: "10.4.2.0/24" },
      ],
    },
    poll,
  );
  expect(net.subnets?.map(({ name }) => name)).toEqual(["apps", "data"]);
  const [apps, data] = (net.subnets ?? []).map(({ id }) => ({ id: id ?? "" }));
  const first = await network.networkInterfaces.createOrUpdate(
    G,
    "nic0",
    {
      location: NORTH,
      ipConfigurations: [
        {
          name: "p",
          primary: true,
          ...(apps && { subnet: apps }),
          privateIPAllocationMethod: "Static",
          privateIPAddress: "10.4.1.20",
          publicIPAddress: { id: address.id ?? "" },
        },
      ],
    },
    poll,
  );
  expect(first.ipConfigurations?.[0]?.privateIPAddress).toBe("10.4.1.20");
  await network.networkInterfaces.createOrUpdate(
    G,
    "nic1",
    { location: NORTH, ipConfigurations: [{ name: "p", ...(data && { subnet: data }) }] },
    poll,
  );
  expect(await network.virtualNetworks.checkIPAddressAvailability(G, "net", "10.4.1.20")).toMatchObject({
    available: false,
  });
  const usages = await collected(network.usages.list(NORTH));
  expect(usages.find(({ name }) => name.value === "NetworkInterfaces")?.currentValue).toBe(2);
});

test("a storage account, whose name was free before", async () => {
  const type = "Microsoft.Storage/storageAccounts";
  const free = async () =>
    (await storage.storageAccounts.checkNameAvailability({ name: "lifecache", type })).nameAvailable;
  expect(await free()).toBe(true);
  const account = await storage.storageAccounts.create(
    G,
    "lifecache",
    { location: NORTH, kind: "StorageV2", sku: { name: "Standard_LRS" }, minimumTlsVersion: "TLS1_2" },
    poll,
  );
  expect(account).toMatchObject({
    provisioningState: "Succeeded",
    primaryEndpoints: { blob: expect.any(String) },
  });
  expect(await free()).toBe(false);
});

test("a machine with an OS disk, a data disk and two NICs in an availability set", async () => {
  const set = await compute.availabilitySets.createOrUpdate(G, "set", {
    location: NORTH,
    sku: { name: "Aligned" },
    platformFaultDomainCount: 2,
    platformUpdateDomainCount: 5,
  });
  const [os, data] = [await disk("os", true), await disk("data0", false)];
  const id = async (name: string) => (await network.networkInterfaces.get(G, name)).id ?? "";
  const made = await compute.virtualMachines.createOrUpdate(
    G,
    "vm",
    {
      location: NORTH,
      tags: { tier: "web" },
      hardwareProfile: { vmSize: "Standard_D2s_v5" },
      availabilitySet: { id: set.id ?? "" },
      storageProfile: {
        osDisk: { createOption: "Attach", osType: "Linux", managedDisk: { id: os }, caching: "ReadWrite" },
        dataDisks: [{ lun: 0, createOption: "Attach", managedDisk: { id: data } }],
      },
      networkProfile: {
        networkInterfaces: [
          { id: await id("nic0"), primary: true },
          { id: await id("nic1"), primary: false },
        ],
      },
    },
    poll,
  );
  expect(made).toMatchObject({ provisioningState: "Succeeded", tags: { tier: "web" } });
  expect((await compute.disks.get(G, "data0")).managedBy).toBe(made.id);
  expect((await network.networkInterfaces.get(G, "nic1")).virtualMachine?.id).toBe(made.id);
  const extension = await compute.virtualMachineExtensions.createOrUpdate(
    G,
    "vm",
    "agent",
    {
      location: NORTH,
      publisher: "Microsoft.Azure.Extensions",
      typePropertiesType: "CustomScript",
      typeHandlerVersion: "2.1",
      autoUpgradeMinorVersion: true,
      settings: { commandToExecute: "true" },
    },
    poll,
  );
  expect(extension.provisioningState).toBe("Succeeded");
});

test("a script that is run in it, with a secret that is shown to nobody", async () => {
  const run = (name: string, script: string, strict: boolean) =>
    compute.virtualMachineRunCommands.createOrUpdate(
      G,
      "vm",
      name,
      {
        location: NORTH,
        source: { script },
        protectedParameters: [{ name: "token", value: "hush-hush" }],
        treatFailureAsDeploymentFailure: strict,
      },
      poll,
    );
  const view = (name: string) =>
    compute.virtualMachineRunCommands.getByVirtualMachine(G, "vm", name, { expand: "instanceView" });
  await run("well", "uname", false);
  const { instanceView } = await view("well");
  expect(instanceView).toMatchObject({ executionState: "Succeeded", exitCode: 0, output: "uname token" });
  await run("ill", "exit 3", false);
  expect(await view("ill")).toMatchObject({
    provisioningState: "Succeeded",
    instanceView: { executionState: "Failed", exitCode: 3 },
  });
  await expect(run("worse", "exit 4", true)).rejects.toThrow(/ended with code 4/);
  expect(
    JSON.stringify(await collected(compute.virtualMachineRunCommands.listByVirtualMachine(G, "vm"))),
  ).not.toContain("hush");
  await compute.virtualMachineRunCommands.delete(G, "vm", "well", poll);
});

test("two snapshots while it runs, exported, and their difference", async () => {
  const source = (await compute.disks.get(G, "data0")).id ?? "";
  const take = (name: string) =>
    compute.snapshots.createOrUpdate(
      G,
      name,
      {
        location: NORTH,
        incremental: true,
        creationData: { createOption: "Copy", sourceResourceId: source },
      },
      poll,
    );
  const [first, second] = [await take("s1"), await take("s2")];
  expect(second.incrementalSnapshotFamilyId).toBe(first.incrementalSnapshotFamilyId);
  expect(box.hypervisor.calls.slice(-4)).toEqual(["freeze vm", "thaw vm", "freeze vm", "thaw vm"]);
  const read = { access: "Read", durationInSeconds: 3600 };
  const sas = async (name: string) => (await compute.snapshots.grantAccess(G, name, read, poll)).accessSAS;
  const [before, now] = [await sas("s1"), await sas("s2")];
  const blob = blobAt(now);
  expect((await blob.downloadToBuffer(0, MIB)).equals(Buffer.alloc(MIB, 3))).toBe(true);
  expect(await blob.getPageRangesDiffForManagedDisks(0, SIZE, before ?? "")).toMatchObject({
    pageRange: [],
    clearRange: [],
  });
  for (const name of ["s1", "s2"]) {
    await compute.snapshots.revokeAccess(G, name, poll);
    await compute.snapshots.delete(G, name, poll);
  }
  expect(await collected(compute.snapshots.listByResourceGroup(G))).toEqual([]);
});

test("its end, from the machine down to the group", async () => {
  await expect(network.networkInterfaces.delete(G, "nic0", poll)).rejects.toMatchObject({ code: "NicInUse" });
  await compute.virtualMachineExtensions.delete(G, "vm", "agent", poll);
  await compute.virtualMachines.deallocate(G, "vm", poll);
  await compute.virtualMachines.delete(G, "vm", poll);
  for (const name of ["nic0", "nic1"]) await network.networkInterfaces.delete(G, name, poll);
  for (const name of ["os", "data0"]) await compute.disks.delete(G, name, poll);
  await compute.availabilitySets.delete(G, "set");
  await network.virtualNetworks.delete(G, "net", poll);
  await network.networkSecurityGroups.delete(G, "nsg", poll);
  await network.routeTables.delete(G, "routes", poll);
  await network.publicIPAddresses.delete(G, "ip", poll);
  await storage.storageAccounts.delete(G, "lifecache");
  expect((await box.admin("GET", "/box/state")).body).toMatchObject({ disks: [], virtualMachines: [] });
  await resources.resourceGroups.delete(G, poll);
  await expect(resources.resourceGroups.get(G)).rejects.toMatchObject({ code: "ResourceGroupNotFound" });
});
