import { z } from "zod";
import { armClient } from "../../../engine/azure/arm.ts";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { closeDisk, openDisk } from "../../../engine/azure/disk.ts";
import { VHD_FOOTER_BYTES, vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { type BarrierId, armId, barrierId } from "../../../engine/core/ids.ts";
import { GIB, bytes, generation, micros, sequence } from "../../../engine/core/units.ts";
import { type Asked, beginEnable, beginFailover, jobOf } from "../../../engine/recovery/begin.ts";
import { beginChange } from "../../../engine/recovery/change-point.ts";
import { beginCommit } from "../../../engine/recovery/commit.ts";
import { beginCancel } from "../../../engine/recovery/cancel.ts";
import { planFailover, planTest } from "../../../engine/recovery/failover-plan.ts";
import {
  type FailoverReport,
  type ItemRecord,
  itemKey,
  itemKeyOf,
  sourceOf,
} from "../../../engine/recovery/item.ts";
import { jobInput } from "../../../engine/recovery/job.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import { beginTest, testJobOf } from "../../../engine/recovery/test-failover.ts";
import { copyOf, testOf } from "../../../engine/recovery/test-target.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { bootActivities } from "../../../functions/activities/boot.ts";
import { cancelActivities } from "../../../functions/activities/cancel.ts";
import { commitActivities } from "../../../functions/activities/commit.ts";
import { removalActivities } from "../../../functions/activities/removal.ts";
import { diskRoadActivities } from "../../../functions/activities/disk-road.ts";
import { diskActivities } from "../../../functions/activities/disks.ts";
import { fitActivities } from "../../../functions/activities/fit.ts";
import { jobActivities } from "../../../functions/activities/jobs.ts";
import { networkActivities } from "../../../functions/activities/network.ts";
import { nicActivities } from "../../../functions/activities/nic.ts";
import { sourceActivities } from "../../../functions/activities/source.ts";
import { targetActivities } from "../../../functions/activities/target.ts";
import { testActivities } from "../../../functions/activities/testing.ts";
import { vmActivities } from "../../../functions/activities/vm.ts";
import { offers } from "../../../functions/offer.ts";
import type { Services } from "../../../functions/services.ts";
import { pagesAt } from "../../../infra/prove/proving.ts";
import { commitFailover } from "../../../orchestrations/commit-failover.ts";
import { cancelFailover } from "../../../orchestrations/cancel-failover.ts";
import type { ActivityName } from "../../../orchestrations/contract.ts";
import { changePoint, failover } from "../../../orchestrations/failover.ts";
import { testFailover } from "../../../orchestrations/test-failover.ts";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  SUBSCRIPTION,
  type TestBox,
  WEST,
  groupId,
  idOf,
} from "../arm/fixture.ts";
import { play } from "./play.ts";

export const VM = idOf("shop", "Microsoft.Compute/virtualMachines", "ledger");
export const POINT = barrierId("10000000-0000-4000-8000-000000000001");
export const OTHER = barrierId("20000000-0000-4000-8000-000000000002");
export const USER = `${groupId("shop")}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ledger-id`;
const SIZE = bytes(GIB);
const PLACE = { generation: generation(1), sequence: sequence(1) };
const net = (name: string) => idOf("shop", "Microsoft.Network/virtualNetworks", name);
const nic = (name: string) => idOf("shop", "Microsoft.Network/networkInterfaces", name);
const disk = (name: string) => idOf("shop", "Microsoft.Compute/disks", name);

/** A machine that uses what a copy may get wrong: three disks, two interfaces with three addresses, a set, tags, trusted launch. */
export async function makeSource(box: TestBox): Promise<void> {
  const put = (id: string, body: unknown) => made(box, id, body);
  const location = WEST;
  await put(groupId("shop"), { location });
  await put(net("net"), {
    location,
    properties: {
      addressSpace: { addressPrefixes: ["10.1.0.0/16"] },
      subnets: [
        { name: "apps", properties: { addressPrefix: "10.1.1.0/24" } },
        { name: "backup", properties: { addressPrefix: "10.1.2.0/24" } },
      ],
    },
  });
  const address = (name: string, subnet: string, privateIPAddress: string, primary: boolean) => ({
    name,
    properties: {
      primary,
      subnet: { id: `${net("net")}/subnets/${subnet}` },
      privateIPAllocationMethod: "Static",
      privateIPAddress,
    },
  });
  await put(nic("front"), {
    location,
    properties: {
      enableAcceleratedNetworking: true,
      dnsSettings: { dnsServers: ["10.1.1.53"] },
      ipConfigurations: [
        address("main", "apps", "10.1.1.10", true),
        address("virtual", "apps", "10.1.1.20", false),
      ],
    },
  });
  await put(nic("back"), {
    location,
    properties: {
      enableIPForwarding: true,
      ipConfigurations: [address("main", "backup", "10.1.2.10", true)],
    },
  });
  const set = idOf("shop", "Microsoft.Compute/availabilitySets", "set");
  await put(set, {
    location,
    sku: { name: "Aligned" },
    properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 },
  });
  const empty = { diskSizeGB: 1, creationData: { createOption: "Empty" } };
  await put(disk("os"), {
    location,
    sku: { name: "Premium_LRS" },
    properties: {
      ...empty,
      osType: "Linux",
      hyperVGeneration: "V2",
      securityProfile: { securityType: "TrustedLaunch" },
      supportedCapabilities: { architecture: "x64" },
    },
  });
  for (const [name, sku] of [
    ["data-a", "Premium_LRS"],
    ["data-b", "StandardSSD_LRS"],
  ])
    await put(disk(name ?? ""), { location, sku: { name: sku }, properties: empty });
  await put(VM, {
    location,
    tags: { shop: "main", "cost center": "42" },
    identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { [USER]: {} } },
    properties: {
      hardwareProfile: { vmSize: "Standard_D4s_v5" },
      licenseType: "RHEL_BYOS",
      securityProfile: {
        securityType: "TrustedLaunch",
        uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
      },
      availabilitySet: { id: set },
      storageProfile: {
        osDisk: {
          osType: "Linux",
          createOption: "Attach",
          caching: "ReadWrite",
          managedDisk: { id: disk("os") },
        },
        dataDisks: [
          { lun: 0, createOption: "Attach", caching: "ReadOnly", managedDisk: { id: disk("data-a") } },
          { lun: 5, createOption: "Attach", caching: "None", managedDisk: { id: disk("data-b") } },
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
}

/** Writes a resource and waits until it is there. */
export async function made(box: TestBox, id: string, body: unknown): Promise<void> {
  let { operation } = await box.client.put(id, body);
  while (operation) {
    const polled = await box.client.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}

export type Scene = Awaited<ReturnType<typeof protect>>;

/** The machine is protected, with everything that its enablement makes in Azure; there is nothing of a journal. */
export async function protect(box: TestBox) {
  const credential = {
    getToken: async () => ({
      token: await box.token(OPERATOR.secret, ARM_AUDIENCE),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  // Hours pass between its calls: how many it may make is not what this is about.
  let hours = 0;
  const clock = { ...systemClock, now: () => micros(hours++ * 3_600_000_000) };
  const connection = { endpoint: box.url, audience: ARM_AUDIENCE, credential, tls: { ca: box.ca }, clock };
  const arm = onlyDeclared(armClient(connection));
  const records = recordsIn(new MemoryRecordStore());
  const settings = { region: NORTH, subscription: SUBSCRIPTION };
  const services: Services = {
    ...Object.create(null),
    ...Object.assign(Object.create(null), { arm, records, settings }),
    target: new MemoryObjectStore(),
    clock: systemClock,
    offerOf: offers(arm, clock),
  };
  const scene = { box, services, tools: { services, client: Object.create(null) } };
  const id = armId(
    `${groupId("leeward")}/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i`,
  );
  const policy = recoveryPolicy.parse({ replica: "none" });
  const wish = { id, vmId: VM, policy, request: { resourceGroup: groupId("recovery") } };
  const begun = beginEnable(undefined, wish, { now: systemClock.now() });
  await records.items.create(itemKey(id), begun);
  const { machine } = begun;
  await sourceActivities.checkSource({ machine }, scene.tools);
  await settle(scene, await targetActivities.createResourceGroup({ machine }, scene.tools));
  await settle(scene, await networkActivities.createNetwork({ machine }, scene.tools));
  await settle(scene, await targetActivities.createAvailabilitySet({ machine }, scene.tools));
  const item = await records.items.update(itemKeyOf(machine), (old) => ({
    ...old,
    state: "Protected",
    job: { ...old.job, ended: true },
  }));
  return { ...scene, machine, item };
}

type Sent = Awaited<ReturnType<typeof targetActivities.createResourceGroup>>;

async function settle(
  { services: { arm } }: { readonly services: Services },
  { operation }: Sent,
): Promise<void> {
  let running = operation;
  while (running) {
    const polled = await arm.poll(running);
    running = polled.done ? undefined : polled.operation;
  }
}

/** Fails over, or tries again; everything but the journal is real. */
export async function failOver(
  scene: Scene,
  asked: Pick<Asked, "point" | "build"> = {},
): Promise<Awaited<ReturnType<typeof play>> & { readonly item: ItemRecord }> {
  const { services, machine } = scene;
  const key = itemKeyOf(machine);
  const begun = await services.records.items.update(key, (old) =>
    beginFailover(old, { now: systemClock.now(), ...asked }),
  );
  return run(scene, begun, failover);
}

export const cancel = (scene: Scene): ReturnType<typeof failOver> =>
  begin(scene, beginCancel, cancelFailover);
export const commit = (scene: Scene): ReturnType<typeof failOver> =>
  begin(scene, beginCommit, commitFailover);
export const change = (scene: Scene, point: BarrierId): ReturnType<typeof failOver> =>
  begin(scene, (old, asked) => beginChange(old, { ...asked, point }), changePoint);

async function begin(
  scene: Scene,
  beginning: (old: ItemRecord, asked: Asked) => ItemRecord,
  orchestrator: typeof failover,
): ReturnType<typeof failOver> {
  const key = itemKeyOf(scene.machine);
  const begun = await scene.services.records.items.update(key, (old) =>
    beginning(old, { now: systemClock.now() }),
  );
  return run(scene, begun, orchestrator);
}

/** Builds a test beside everything, or tries it again. */
export async function testFailOver(
  scene: Scene,
  build: NonNullable<Asked["build"]> = {},
): ReturnType<typeof failOver> {
  const key = itemKeyOf(scene.machine);
  const begun = await scene.services.records.items.update(key, (old) =>
    beginTest(old, { now: systemClock.now(), point: POINT, build }),
  );
  return run(scene, begun, testFailover, testJobOf(begun));
}

async function run(
  scene: Scene,
  begun: ItemRecord,
  orchestrator: typeof failover,
  job = jobOf(begun),
): ReturnType<typeof failOver> {
  const { records } = scene.services;
  await records.jobs.create(job.operation, job);
  const played = await play(orchestrator, jobInput(job), (name, input) => act(scene, name, input));
  const item = (await records.items.get(itemKeyOf(scene.machine)))?.value;
  if (!item) throw new Error("the item is gone");
  return { ...played, item };
}

/** What would need a journal is played. */
async function act(scene: Scene, name: ActivityName, input: unknown): Promise<unknown> {
  if (name === "drain") return { reached: false, bytes: 0 };
  if (name === "planFailover") return planned(scene);
  if (name === "planTest") return testPlanned(scene);
  if (name === "restoreDisks") return filled(scene, input);
  const all: Record<string, unknown> = {
    ...bootActivities,
    ...cancelActivities,
    ...commitActivities,
    ...removalActivities,
    ...diskActivities,
    ...diskRoadActivities,
    ...fitActivities,
    ...jobActivities,
    ...nicActivities,
    ...targetActivities,
    ...testActivities,
    ...vmActivities,
  };
  const found = all[name];
  if (typeof found !== "function") throw new Error(`the scene has no activity ${name}`);
  return Reflect.apply(found, undefined, [input, scene.tools]);
}

/** As `planFailover` does, of a point that is said to be there. */
async function planned({ services, machine }: Scene) {
  const key = itemKeyOf(machine);
  const item = (await services.records.items.get(key))?.value;
  if (!item) throw new Error("the item is gone");
  const { failover: before } = item;
  const point = item.job.point ?? before?.point ?? POINT;
  const known = before ? [...(before.tried ?? []), before.point] : [];
  const tried = [...new Set(known)].filter((one) => one !== point);
  const report: FailoverReport = {
    operation: item.job.operation,
    point,
    pointTime: micros(1),
    consistency: "crash",
    road: "upload",
    startTime: item.job.startTime,
    announced: {
      after: sequence(1),
      seconds: 0,
      writes: 0,
      bytes: bytes(0),
      knownSequence: sequence(1),
      knownUntil: micros(1),
    },
    tried,
    nics: before?.nics,
    steps: [],
  };
  await services.records.items.update(key, (old) => ({ ...old, failover: report }));
  const { disks, nics } = sourceOf(item);
  const steps = planFailover({
    replica: "none",
    disks: disks.map(({ index }) => index),
    nics: nics.length,
    point: PLACE,
    checkpointed: false,
    again: before !== undefined,
    tried,
  });
  return { point, steps };
}

/** As `planTest` does, in an isolated network. */
async function testPlanned({ services, machine }: Scene) {
  const key = itemKeyOf(machine);
  const chosen = {
    ...PLACE,
    point: POINT,
    pointTime: micros(1),
    consistency: "crash",
    road: "upload",
  } as const;
  const item = await services.records.items.update(key, (old) => ({
    ...old,
    test: { ...testOf(old), chosen },
  }));
  const { disks, nics } = sourceOf(item);
  const again = testOf(item).again === true;
  const facts = { replica: "none", nics: nics.length, checkpointed: false, ownNetwork: true, again } as const;
  return { point: POINT, steps: planTest({ ...facts, disks: disks.map(({ index }) => index) }) };
}

const copy = z.object({ point: z.string().transform(barrierId), test: z.literal(true).optional() });

/** Each disk gets its footer, without which it is none; one that is closed has it. */
async function filled({ box, services, machine }: Scene, input: unknown) {
  const item = (await services.records.items.get(itemKeyOf(machine)))?.value;
  if (!item) throw new Error("the item is gone");
  const { point, ...which } = copy.parse(input);
  for (const { name } of sourceOf(item).disks) {
    const id = targetDisk(copyOf(item, which), name, point);
    const { body } = await box.client.get(id);
    if (!JSON.stringify(body).includes('"diskState":"ReadyToUpload"')) continue;
    const sas = await openDisk(box.client, id, { access: "Write", seconds: 600 }, systemClock);
    const pages = pagesAt(Object.assign(Object.create(null), { tls: { ca: box.ca } }), sas);
    await pages.uploadPages(vhdFooter(SIZE, Buffer.alloc(16, 1)), SIZE, VHD_FOOTER_BYTES);
    await settle({ services }, await closeDisk(box.client, id));
  }
  return { more: false, done: 0, total: 0 };
}
