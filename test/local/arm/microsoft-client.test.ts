import { ComputeManagementClient } from "@azure/arm-compute";
import { AnonymousCredential, PageBlobClient, type StoragePipelineOptions } from "@azure/storage-blob";
import { afterAll, beforeAll, expect, test } from "vitest";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { MIB, bytes } from "../../../engine/core/units.ts";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  SUBSCRIPTION,
  type TestBox,
  finished,
  groupId,
  idOf,
  startBox,
} from "./fixture.ts";

/** Microsoft's own client, with its stock bearer policy over https, as an independent judge of paths, headers and bodies. */

const G = "g";
const SIZE = 32 * MIB;
const poll = { updateIntervalInMs: 1 };

let box: TestBox;
let compute: ComputeManagementClient;

beforeAll(async () => {
  box = await startBox();
  const credential = {
    getToken: async () => ({
      token: await box.token(OPERATOR.secret, ARM_AUDIENCE),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  compute = new ComputeManagementClient(credential, SUBSCRIPTION, {
    endpoint: box.url,
    tlsOptions: { ca: box.ca },
  });
  await box.client.put(groupId(G), { location: NORTH });
  const network = idOf(G, "Microsoft.Network/virtualNetworks", "net");
  const net = {
    location: NORTH,
    properties: {
      addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
      subnets: [{ name: "a", properties: { addressPrefix: "10.0.0.0/24" } }],
    },
  };
  await finished(box.client, await box.client.put(network, net));
  const nic = {
    location: NORTH,
    properties: { ipConfigurations: [{ name: "p", properties: { subnet: { id: `${network}/subnets/a` } } }] },
  };
  await finished(
    box.client,
    await box.client.put(idOf(G, "Microsoft.Network/networkInterfaces", "nic"), nic),
  );
});
afterAll(() => box.close());

const upload = (name: string) =>
  compute.disks.createOrUpdate(
    G,
    name,
    {
      location: NORTH,
      sku: { name: "Premium_LRS" },
      osType: "Linux",
      creationData: { createOption: "Upload", uploadSizeBytes: SIZE + 512 },
    },
    poll,
  );

async function filled(name: string): Promise<string> {
  await upload(name);
  const grant = { access: "Write", durationInSeconds: 3600 };
  const { accessSAS } = await compute.disks.grantAccess(G, name, grant, poll);
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = { tlsOptions: { ca: box.ca } };
  const blob = new PageBlobClient(accessSAS ?? "", new AnonymousCredential(), options);
  await blob.uploadPages(Buffer.alloc(4 * MIB, 3), 0, 4 * MIB);
  await blob.uploadPages(vhdFooter(bytes(SIZE), Buffer.alloc(16)), SIZE, 512);
  await compute.disks.revokeAccess(G, name, poll);
  return (await compute.disks.get(G, name)).id ?? "";
}

test("it uploads a disk through its SAS", async () => {
  const made = await upload("first");
  expect(made).toMatchObject({ diskState: "ReadyToUpload", provisioningState: "Succeeded", location: NORTH });
  await filled("first");
  const disk = await compute.disks.get(G, "first");
  expect(disk).toMatchObject({ diskState: "Unattached", diskSizeBytes: SIZE, osType: "Linux" });
});

test("it builds, reads, stops, starts and deletes a VM in an availability set", async () => {
  const set = await compute.availabilitySets.createOrUpdate(G, "set", {
    location: NORTH,
    sku: { name: "Aligned" },
    platformFaultDomainCount: 2,
    platformUpdateDomainCount: 5,
  });
  expect(set).toMatchObject({ name: "set", platformFaultDomainCount: 2 });
  const osDisk = await filled("vm-os");
  const made = await compute.virtualMachines.createOrUpdate(
    G,
    "vm",
    {
      location: NORTH,
      hardwareProfile: { vmSize: "Standard_D2s_v5" },
      availabilitySet: { id: set.id ?? "" },
      storageProfile: { osDisk: { createOption: "Attach", osType: "Linux", managedDisk: { id: osDisk } } },
      networkProfile: {
        networkInterfaces: [{ id: idOf(G, "Microsoft.Network/networkInterfaces", "nic"), primary: true }],
      },
    },
    poll,
  );
  expect(made).toMatchObject({ name: "vm", provisioningState: "Succeeded" });
  const power = async () => {
    const { statuses } = await compute.virtualMachines.instanceView(G, "vm");
    return statuses?.at(-1)?.code;
  };
  expect(await power()).toBe("PowerState/running");
  const expanded = await compute.virtualMachines.get(G, "vm", { expand: "instanceView" });
  expect(expanded.instanceView?.vmAgent?.statuses?.[0]?.displayStatus).toBe("Ready");
  await compute.virtualMachines.deallocate(G, "vm", poll);
  expect(await power()).toBe("PowerState/deallocated");
  await compute.virtualMachines.start(G, "vm", poll);
  expect(await power()).toBe("PowerState/running");
  await compute.virtualMachines.powerOff(G, "vm", poll);
  expect(await power()).toBe("PowerState/stopped");
  const listed = [];
  for await (const { name } of compute.virtualMachines.listAll()) listed.push(name);
  expect(listed).toEqual(["vm"]);
  await compute.virtualMachines.delete(G, "vm", poll);
  await expect(compute.virtualMachines.get(G, "vm")).rejects.toMatchObject({ statusCode: 404 });
  await compute.disks.delete(G, "vm-os", poll);
  await compute.availabilitySets.delete(G, "set");
});

test("it understands a refusal, and a failure inside an operation", async () => {
  await expect(compute.disks.get(G, "none")).rejects.toMatchObject({
    statusCode: 404,
    code: "ResourceNotFound",
  });
  await box.admin("POST", "/box/faults", {
    kind: "fail-operation",
    path: "/disks/bad",
    code: "AllocationFailed",
  });
  await expect(upload("bad")).rejects.toThrow("AllocationFailed");
});

test("its own retries get over a throttled call", async () => {
  await box.admin("POST", "/box/faults", {
    kind: "status",
    status: 429,
    code: "TooManyRequests",
    retryAfter: 0,
  });
  const found = [];
  for await (const { name } of compute.disks.listByResourceGroup(G)) found.push(name);
  expect(found).toContain("first");
});

test("it reads sizes and usages", async () => {
  const sizes = [];
  for await (const { name } of compute.resourceSkus.list({ filter: `location eq '${NORTH}'` }))
    sizes.push(name);
  expect(sizes).toContain("Standard_D2s_v5");
  const usages = [];
  for await (const { name } of compute.usage.list(NORTH)) usages.push(name?.value);
  expect(usages).toContain("cores");
});
