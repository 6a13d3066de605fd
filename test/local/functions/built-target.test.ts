import tls from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { LeewardError } from "../../../engine/core/errors.ts";
import { decodeFailure } from "../../../orchestrations/failure.ts";
import { NORTH, type TestBox, groupId, idOf, startBox } from "../arm/fixture.ts";
import {
  OTHER,
  POINT,
  type Scene,
  USER,
  VM,
  cancel,
  failOver,
  made,
  makeSource,
  protect,
} from "./built-scene.ts";

/*
 * The machine that a failover builds, field by field; what becomes of it when the region refuses, when it is tried again, and
 * when it is taken back; and that nobody else's resource is touched by any of it.
 */

let box: TestBox;
let scene: Scene;
beforeEach(async () => {
  box = await startBox({ config: { retryAfter: 0, operationTime: 0 } });
  await makeSource(box);
  scene = await protect(box);
});
afterEach(() => box.close());

const target = (type: string, name: string) => idOf("recovery", type, name);
const vm = target("Microsoft.Compute/virtualMachines", "ledger");
const disk = (name: string, point: string = POINT) =>
  target("Microsoft.Compute/disks", `${name}-${point.slice(0, 8)}`);
const nic = (name: string) => target("Microsoft.Network/networkInterfaces", name);
const seen = async (id: string) => (await box.client.get(id)).body;
const failureOf = (error: unknown) => decodeFailure(error).message;
const own = (role: string) => ({ "leeward-machine": scene.machine, "leeward-role": role });

test("the job knows how it started, with the end of its console", async () => {
  // As NODE_EXTRA_CA_CERTS does, for the storage library; it keeps the authorities that it began with, so this is the first test.
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), box.ca]);
  box.hypervisor.words = "Linux 6.1\r\npassword=hush\nlogin:\n";
  const { item, trace } = await failOver(scene);
  expect(trace.filter((step) => step.endsWith("Boot"))).toEqual(["observeBoot", "readBoot"]);
  expect(item.failover?.boot).toEqual({
    power: "running",
    agent: "Ready",
    console: ["Linux 6.1", "password=***", "login:"],
  });
});

test("it has the source's size, set, disks, interfaces, addresses, profile, licence, identities and tags", async () => {
  const { error, item } = await failOver(scene);
  expect(error).toBeUndefined();
  expect(item.state).toBe("UnplannedFailoverCommitPending");
  expect(await seen(vm)).toMatchObject({
    location: NORTH,
    tags: { shop: "main", "cost center": "42", ...own("target-vm") },
    identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { [USER]: {} } },
    properties: {
      hardwareProfile: { vmSize: "Standard_D4s_v5" },
      licenseType: "RHEL_BYOS",
      securityProfile: {
        securityType: "TrustedLaunch",
        uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
      },
      availabilitySet: { id: target("Microsoft.Compute/availabilitySets", "set-recovery") },
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      storageProfile: {
        osDisk: {
          osType: "Linux",
          createOption: "Attach",
          caching: "ReadWrite",
          managedDisk: { id: disk("os") },
        },
        dataDisks: [
          { lun: 0, caching: "ReadOnly", managedDisk: { id: disk("data-a") } },
          { lun: 5, caching: "None", managedDisk: { id: disk("data-b") } },
        ],
      },
      networkProfile: {
        networkInterfaces: [
          { id: nic("front"), properties: { primary: true } },
          { id: nic("back"), properties: { primary: false } },
        ],
      },
    },
  });
});

test("its disks have the source's kinds, generation, processor and security", async () => {
  await failOver(scene);
  expect(await seen(disk("os"))).toMatchObject({
    sku: { name: "Premium_LRS" },
    managedBy: vm,
    tags: own("target-disk"),
    properties: {
      osType: "Linux",
      hyperVGeneration: "V2",
      supportedCapabilities: { architecture: "x64" },
      securityProfile: { securityType: "TrustedLaunch" },
    },
  });
  expect(await seen(disk("data-b"))).toMatchObject({ sku: { name: "StandardSSD_LRS" }, managedBy: vm });
});

test("its interfaces have every address, and what belongs to them", async () => {
  const { item } = await failOver(scene);
  const network = target("Microsoft.Network/virtualNetworks", "net-recovery");
  const fixed = (name: string, subnet: string, privateIPAddress: string, primary: boolean) => ({
    name,
    properties: {
      primary,
      privateIPAllocationMethod: "Static",
      privateIPAddress,
      subnet: { id: `${network}/subnets/${subnet}` },
    },
  });
  expect(await seen(nic("front"))).toMatchObject({
    tags: own("target-nic"),
    properties: {
      enableAcceleratedNetworking: true,
      dnsSettings: { dnsServers: ["10.1.1.53"] },
      ipConfigurations: [
        fixed("main", "apps", "10.1.1.10", true),
        fixed("virtual", "apps", "10.1.1.20", false),
      ],
    },
  });
  expect(await seen(nic("back"))).toMatchObject({
    properties: { enableIPForwarding: true, ipConfigurations: [fixed("main", "backup", "10.1.2.10", true)] },
  });
  expect(item.failover?.nics?.flatMap(({ addresses }) => addresses)).toEqual([
    { name: "main", wanted: "10.1.1.10", given: "10.1.1.10" },
    { name: "virtual", wanted: "10.1.1.20", given: "10.1.1.20" },
    { name: "main", wanted: "10.1.2.10", given: "10.1.2.10" },
  ]);
});

test("an address that somebody has is replaced by one of the subnet's, and the record says why", async () => {
  const network = target("Microsoft.Network/virtualNetworks", "net-recovery");
  await box.client.put(groupId("theirs"), { location: NORTH });
  const theirs = {
    name: "a",
    properties: {
      subnet: { id: `${network}/subnets/apps` },
      privateIPAllocationMethod: "Static",
      privateIPAddress: "10.1.1.10",
    },
  };
  const taken = idOf("theirs", "Microsoft.Network/networkInterfaces", "taken");
  await made(box, taken, { location: NORTH, properties: { ipConfigurations: [theirs] } });
  const { error, item } = await failOver(scene);
  expect(error).toBeUndefined();
  expect(item.failover?.nics?.[0]?.addresses).toEqual([
    { name: "main", wanted: "10.1.1.10", given: "10.1.1.4", why: "10.1.1.10 is taken in net-recovery" },
    { name: "virtual", wanted: "10.1.1.20", given: "10.1.1.20" },
  ]);
});

const unavailable = new LeewardError("ArmUnavailable", "no answer");
const limit = (limits: unknown) => box.admin("PUT", `/box/regions/${NORTH}/limits`, limits);

test("a size that the region does not have is refused before anything is built, with sizes that would do", async () => {
  await limit({ restrictions: [{ size: "Standard_D4s_v5" }] });
  const { item, trace, error } = await failOver(scene);
  expect(failureOf(error)).toBe(
    "SizeRestricted: Standard_D4s_v5 is restricted in northeurope: NotAvailableForSubscription. " +
      "Sizes that would do, nearest first: Standard_E4s_v5 (4 cores, 32 GiB), Standard_D8s_v5 (8 cores, 32 GiB), " +
      "Standard_D2s_v5 (2 cores, 8 GiB), Standard_B2s (2 cores, 4 GiB)",
  );
  expect(trace).not.toContain("createUploadDisk");
  expect(item).toMatchObject({
    state: "FailoverFailed",
    failure: { code: "TargetUnfit", step: "check the target region" },
    failover: {
      fit: {
        alternatives: ["Standard_E4s_v5", "Standard_D8s_v5", "Standard_D2s_v5", "Standard_B2s"],
      },
    },
  });
  const again = await failOver(scene, { build: { size: "Standard_E4s_v5" } });
  expect(again.item.state).toBe("UnplannedFailoverCommitPending");
  expect(await seen(vm)).toMatchObject({ properties: { hardwareProfile: { vmSize: "Standard_E4s_v5" } } });
});

test("a refusal that comes only when it is built names sizes too, and another size goes on with disks and interfaces", async () => {
  const fault = { kind: "fail-operation", path: vm, code: "AllocationFailed", message: "no room" };
  await box.admin("POST", "/box/faults", fault);
  const first = await failOver(scene);
  expect(failureOf(first.error)).toMatch(/AllocationFailed: no room.* nearest first: Standard_E4s_v5/);
  const before = [await seen(disk("os")), await seen(nic("front"))].map((one) => identityOf(one));
  const { item, trace, error } = await failOver(scene, { build: { size: "Standard_E4s_v5" } });
  expect(error).toBeUndefined();
  expect(trace).toContain("clearVm");
  expect(item.state).toBe("UnplannedFailoverCommitPending");
  expect([await seen(disk("os")), await seen(nic("front"))].map((one) => identityOf(one))).toEqual(before);
});

/** A disk has an id of its own; an interface keeps its addresses. */
const identityOf = (body: unknown) => {
  const shape = z.object({
    properties: z.object({ uniqueId: z.string().optional(), ipConfigurations: z.unknown().optional() }),
  });
  return shape.parse(body).properties;
};

test("where Azure says nothing of sizes and quotas the failover goes on, and says so", async () => {
  for (const path of ["/skus", "Microsoft.Compute/locations", "Microsoft.Network/locations"])
    await box.admin("POST", "/box/faults", { kind: "status", path, status: 503, times: 2 });
  // What the region offers is remembered for a day.
  const cold = { ...scene, services: { ...scene.services, offerOf: () => Promise.reject(unavailable) } };
  const { error, item } = await failOver({ ...cold, tools: { ...scene.tools, services: cold.services } });
  expect(error).toBeUndefined();
  expect(item.state).toBe("UnplannedFailoverCommitPending");
  expect(item.failover?.notes?.[0]).toMatch(/^the target region was not checked: sizes: .*; quotas of/);
});

test("a failover that is tried again with another point builds anew, and the first one's disks go", async () => {
  box.hypervisor.refusal = "kernel panic";
  const first = await failOver(scene);
  expect(first.item.state).toBe("FailoverFailed");
  const { item, error } = await failOver(scene, { point: OTHER });
  expect(error).toBeUndefined();
  expect(item.state).toBe("UnplannedFailoverCommitPending");
  expect(await seen(vm)).toMatchObject({
    properties: { storageProfile: { osDisk: { managedDisk: { id: disk("os", OTHER) } } } },
  });
  for (const name of ["os", "data-a", "data-b"]) expect(await box.client.find(disk(name))).toBeUndefined();
});

test("taken back, nothing of it is left, and the source is protected in a new generation", async () => {
  const before = await everything();
  const over = await failOver(scene);
  const { item, error } = await cancel(scene);
  expect(error).toBeUndefined();
  expect(item).toMatchObject({ state: "Protected", resync: { reason: "cancel" } });
  expect(item.generation).toBe(over.item.generation + 1);
  expect(item.unissued).toBe(item.generation);
  expect(item.failover).toBeUndefined();
  expect(await everything()).toEqual(before);
  const job = await scene.services.records.jobs.get(item.job.operation);
  expect(job?.value.removed?.deleted.map(({ name }) => name)).toEqual([
    vm,
    nic("front"),
    nic("back"),
    ...["os", "data-a", "data-b"].map((name) => disk(name)),
  ]);
});

test("one that failed half-way is taken back with all its tries, even when taking it back fails at first", async () => {
  const before = await everything();
  box.hypervisor.refusal = "kernel panic";
  await failOver(scene);
  box.hypervisor.refusal = "kernel panic";
  await failOver(scene, { point: OTHER });
  await box.admin("POST", "/box/faults", { kind: "fail-operation", method: "DELETE", path: nic("front") });
  const first = await cancel(scene);
  expect(first.item).toMatchObject({ state: "CancelFailed", generation: 3 });
  const { item } = await cancel(scene);
  expect(item.state).toBe("Protected");
  expect(await everything()).toEqual(before);
});

/** Every resource as it is, but for what Azure counts. */
async function everything(): Promise<unknown[]> {
  const { body } = await box.admin("GET", "/box/state");
  const ids = z.record(z.string(), z.unknown()).parse(body);
  const found = Object.entries(ids).filter(([name]) => name !== "operations" && name !== "faults");
  const resources = found.flatMap(
    ([, list]) => z.array(z.looseObject({ id: z.string() })).safeParse(list).data ?? [],
  );
  return Promise.all(resources.map(async ({ id }) => seen(id)));
}

test("look-alikes are as they were, through a failover, another try and its cancelling", async () => {
  await lookAlikes();
  const before = await everything();
  box.hypervisor.refusal = "kernel panic";
  await failOver(scene);
  await failOver(scene, { point: OTHER });
  const { item } = await cancel(scene);
  expect(item.state).toBe("Protected");
  expect(before.length).toBeGreaterThan(20);
  expect(await everything()).toEqual(before);
});

/** Names of ours in another group, or with another ending; our tags with another role or of another machine; what somebody uses. */
async function lookAlikes(): Promise<void> {
  const network = target("Microsoft.Network/virtualNetworks", "net-recovery");
  const card = {
    location: NORTH,
    properties: {
      ipConfigurations: [{ name: "a", properties: { subnet: { id: `${network}/subnets/apps` } } }],
    },
  };
  const store = {
    location: NORTH,
    sku: { name: "Premium_LRS" },
    properties: { diskSizeGB: 1, osType: "Linux", creationData: { createOption: "Empty" } },
  };
  await box.client.put(groupId("recovery2"), { location: NORTH });
  const elsewhere = (type: string, id: string) => idOf("recovery2", type, id.split("/").at(-1) ?? "");
  const stolen = { ...own("target-disk"), "leeward-machine": "another-0a1b2c3d" };
  await made(box, elsewhere("Microsoft.Compute/disks", disk("os")), { ...store, tags: own("target-disk") });
  await made(box, elsewhere("Microsoft.Network/networkInterfaces", nic("front")), {
    ...card,
    tags: own("target-nic"),
  });
  await made(box, `${disk("os")}-copy`, { ...store, tags: own("target-disk") });
  await made(box, disk("os", "30000000"), { ...store, tags: own("target-disk") });
  await made(box, disk("data-a", "30000000"), { ...store, tags: own("test-disk") });
  await made(box, disk("data-b", "30000000"), { ...store, tags: stolen });
  await made(box, `${nic("front")}2`, { ...card, tags: own("target-nic") });
  await made(box, nic("ledger"), card);
  await made(box, `${vm}-old`, {
    location: NORTH,
    tags: own("target-vm"),
    properties: {
      hardwareProfile: { vmSize: "Standard_D2s_v5" },
      storageProfile: {
        osDisk: { osType: "Linux", createOption: "Attach", managedDisk: { id: disk("os", "30000000") } },
      },
      networkProfile: { networkInterfaces: [{ id: `${nic("front")}2`, properties: { primary: true } }] },
    },
  });
}

const machineOf = () => ({
  location: NORTH,
  properties: {
    hardwareProfile: { vmSize: "Standard_D2s_v5" },
    storageProfile: {
      osDisk: { osType: "Linux", createOption: "Attach", managedDisk: { id: disk("theirs", "0") } },
    },
    networkProfile: { networkInterfaces: [{ id: nic("theirs"), properties: { primary: true } }] },
  },
});

test.each(["a machine", "a disk", "an interface"])(
  "%s of the very name that is not ours stops the failover, and outlives its cancelling",
  async (what) => {
    const network = target("Microsoft.Network/virtualNetworks", "net-recovery");
    const subnet = { id: `${network}/subnets/apps` };
    const card = {
      location: NORTH,
      properties: { ipConfigurations: [{ name: "a", properties: { subnet } }] },
    };
    const creationData = { createOption: "Empty" };
    const store = {
      location: NORTH,
      sku: { name: "Premium_LRS" },
      properties: { diskSizeGB: 1, osType: "Linux", creationData },
    };
    await made(box, nic("theirs"), card);
    await made(box, disk("theirs", "0"), store);
    // Names are compared without regard to case.
    if (what === "a machine") await made(box, vm.replace("ledger", "LEDGER"), machineOf());
    if (what === "a disk") await made(box, disk("os").replace("/os", "/OS"), store);
    if (what === "an interface")
      await made(box, nic("Front"), { ...card, tags: { "leeward-role": "target-nic" } });
    const before = await everything();
    const { item } = await failOver(scene);
    expect(item).toMatchObject({ state: "FailoverFailed", failure: { code: "ForeignResource" } });
    expect((await cancel(scene)).item.state).toBe("Protected");
    expect(await everything()).toEqual(before);
  },
);

test("the source is not touched by any of it", async () => {
  const before = await seen(VM);
  await failOver(scene);
  await cancel(scene);
  expect(await seen(VM)).toEqual(before);
});
