import { armClient } from "../../../engine/azure/arm.ts";
import { ensureAvailabilitySet } from "../../../engine/azure/availability-set.ts";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { ensureNetworkInterface, ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import { ensureResourceGroup } from "../../../engine/azure/resource-group.ts";
import { ensureStorageAccount } from "../../../engine/azure/storage-account.ts";
import { ensureVirtualMachine } from "../../../engine/azure/virtual-machine.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { type ArmId, armId, barrierId } from "../../../engine/core/ids.ts";
import { GIB, bytes, diskIndex, micros } from "../../../engine/core/units.ts";
import { CONTAINER, machinePrefix } from "../../../engine/journal/names.ts";
import { beginDisable, beginEnable, jobOf } from "../../../engine/recovery/begin.ts";
import { type ItemRecord, type SourceMachine, itemKey, targetOf } from "../../../engine/recovery/item.ts";
import { recoveryPolicy } from "../../../engine/recovery/policy.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { targetDisk, targetNic, targetOfRequest } from "../../../engine/recovery/target-names.ts";
import { MemoryObjectStore, MemoryRecordStore } from "../../../engine/storage/memory.ts";
import type { ObjectStore } from "../../../engine/storage/store.ts";
import { rolloutActivities } from "../../../functions/activities/agent-rollout.ts";
import { jobActivities } from "../../../functions/activities/jobs.ts";
import { removalActivities } from "../../../functions/activities/removal.ts";
import { targetActivities } from "../../../functions/activities/target.ts";
import type { Services } from "../../../functions/services.ts";
import { disableProtection } from "../../../orchestrations/disable-protection.ts";
import { played } from "../../fixtures/played.ts";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  type TestBox,
  WEST,
  finished,
  groupId,
  idOf,
  startBox,
} from "../arm/fixture.ts";

export const POINT = barrierId("00000000-0000-4000-8000-000000000001");
export const SIZE = bytes(GIB);
export const NOW = micros(1_900_000_000_000_000);
const VAULT = `${groupId("dr")}/providers/Microsoft.RecoveryServices/vaults/v`;
export const itemNamed = (name: string) =>
  armId(`${VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/${name}`);

const SOURCE: SourceMachine = {
  region: WEST,
  vmSize: "Standard_D2s_v5",
  tags: { team: "shop" },
  principal: "44444444-4444-4444-8444-444444444444",
  availabilitySet: { name: "set", faultDomains: 2, updateDomains: 5 },
  network: {
    name: "net",
    addressPrefixes: ["10.1.0.0/16"],
    subnets: [{ name: "apps", addressPrefix: "10.1.0.0/24" }],
  },
  nics: [{ name: "nic", primary: true, subnet: "apps", acceleratedNetworking: false }],
  disks: [
    {
      index: diskIndex(0),
      id: idOf("shop", "Microsoft.Compute/disks", "os"),
      name: "os",
      size: SIZE,
      sku: "Premium_LRS",
      caching: "ReadWrite",
      osType: "Linux",
    },
  ],
};

export let box: TestBox;
export let services: Services;
let stores: Map<string, ObjectStore>;
/** Of the cache account's storage, while its region does not answer. */
let silent: string | undefined;

/** For each test anew. */
export async function openScene(): Promise<void> {
  const pool = (side: string) =>
    Array.from({ length: 40 }, (_, n) => ({
      name: `${side}${n}`,
      blob: `https://127.0.0.1:10000/${side}${n}`,
      table: `https://127.0.0.1:10002/${side}${n}`,
    }));
  const regions = [WEST, NORTH].map((name) => ({ name, pool: pool(name.slice(0, 4)) }));
  box = await startBox({ config: { regions } });
  stores = new Map();
  silent = undefined;
  const credential = {
    getToken: async () => ({
      token: await box.token(OPERATOR.secret, ARM_AUDIENCE),
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
  const arm = onlyDeclared(
    armClient({ endpoint: box.url, audience: ARM_AUDIENCE, credential, tls: { ca: box.ca } }),
  );
  const objectsAt = (endpoint: string) => {
    if (silent === endpoint) throw new LeewardError("StorageUnavailable", `${endpoint} does not answer`);
    const known = stores.get(endpoint) ?? new MemoryObjectStore();
    stores.set(endpoint, known);
    return known;
  };
  services = {
    ...Object.create(null),
    ...Object.assign(Object.create(null), {
      settings: { region: NORTH, targetBlobEndpoint: "https://target", agentRollout: "handler" },
    }),
    arm,
    clock: { now: () => NOW, sleep: async () => undefined },
    records: recordsIn(new MemoryRecordStore()),
    target: new MemoryObjectStore(),
    objectsAt,
    pagesAt: (endpoint: string) =>
      Object.assign(Object.create(null), { delete: (name: string) => objectsAt(endpoint).delete([name]) }),
    containersAt: async () => [CONTAINER],
  };
  for (const [name, location] of [
    ["shop", WEST],
    ["dr", NORTH],
  ] as const)
    await box.client.put(groupId(name), { location });
}
export const closeScene = () => box.close();

/** A protected machine, with everything that an enablement makes. */
export async function protectedMachine(name: string): Promise<ItemRecord> {
  const { client } = box;
  const wish = {
    id: itemNamed(name),
    vmId: idOf("shop", "Microsoft.Compute/virtualMachines", name),
    policy: recoveryPolicy.parse({}),
    request: { resourceGroup: groupId("recovery") },
  };
  const enabled = beginEnable(undefined, wish, { now: NOW });
  const target = targetOfRequest(enabled, SOURCE, NORTH);
  const at = (role: string, location = NORTH) => ({ location, owner: { machine: "shared" as const, role } });
  await ensureResourceGroup(client, { id: target.resourceGroup, ...at("target") });
  const { addressPrefixes, subnets } = SOURCE.network;
  const network = { id: target.network, addressPrefixes, subnets, ...at("network") };
  await finished(client, await ensureVirtualNetwork(client, network));
  const set = { id: target.availabilitySet ?? armId(""), faultDomains: 2, updateDomains: 5 };
  await ensureAvailabilitySet(client, { ...set, ...at("availability") });
  const sku = "Standard_LRS" as const;
  const replica = target.replica?.id ?? armId("");
  await finished(
    client,
    await ensureStorageAccount(client, { id: target.cache.id, sku, ...at("cache", WEST) }),
  );
  await finished(client, await ensureStorageAccount(client, { id: replica, sku, ...at("replica") }));
  const item: ItemRecord = {
    ...enabled,
    state: "Protected",
    source: SOURCE,
    target,
    job: { ...enabled.job, ended: true },
  };
  await services.records.items.create(itemKey(item.id), item);
  await services.records.healing.create(item.machine, {
    format: 1,
    machine: item.machine,
    count: 0,
    healed: [],
    unreadable: [],
  });
  for (const store of [services.target, await storeOf(target.cache.id), await storeOf(replica)])
    for (const object of ["points/000001/1.json", "journal/000001/0.seg", "key.json"])
      await store.put(machinePrefix(item.machine) + object, Buffer.from("some"), "absent");
  return item;
}

export async function storeOf(account: ArmId): Promise<ObjectStore> {
  return services.objectsAt(await endpointOf(account));
}

export async function endpointOf(account: ArmId): Promise<string> {
  const { body } = await box.client.get(account);
  return String(Object.entries(Object(Object(Object(body).properties).primaryEndpoints))[0]?.[1]);
}

/** What a failover builds, or as much of it. */
export async function built(item: ItemRecord, withMachine: boolean): Promise<ArmId[]> {
  const { client } = box;
  const target = targetOf(item);
  const owned = (role: string) => ({ location: NORTH, owner: { machine: item.machine, role } });
  const disk = targetDisk(target, "os", POINT);
  const nic = targetNic(target, "nic");
  const spec = { id: disk, sku: "Premium_LRS", source: { from: "empty", size: SIZE } as const };
  await finished(client, await ensureDisk(client, { ...spec, osType: "Linux", ...owned("target-disk") }));
  const subnet = armId(`${target.network}/subnets/apps`);
  await finished(client, await ensureNetworkInterface(client, { id: nic, subnet, ...owned("target-nic") }));
  if (!withMachine) return [disk, nic];
  const vm = {
    id: target.vm,
    size: SOURCE.vmSize,
    osDisk: { id: disk, caching: "ReadWrite", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: [nic],
    tags: SOURCE.tags,
    ...owned("target-vm"),
  } as const;
  await finished(client, await ensureVirtualMachine(client, vm));
  return [target.vm, disk, nic];
}

/** Whatever is in the groups, as it is. */
export async function everything(): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const group of ["shop", "recovery", "dr"])
    for await (const one of box.client.list(`${groupId(group)}/resources`)) {
      const id = armId(String(Object(one).id));
      found.set(id, await box.client.find(id));
    }
  return found;
}

const activities: Record<string, (input: never, tools: never) => Promise<unknown>> = {
  ...removalActivities,
  ...rolloutActivities,
  ...targetActivities,
  ...jobActivities,
};
const client = Object.assign(Object.create(null), {
  getStatus: async () => {
    throw new Error("the server replied with HTTP 404");
  },
});

export async function begun(item: ItemRecord, purge = false, keepPoints = false): Promise<ItemRecord> {
  const terms = { purge, keepPoints };
  const leaving = await services.records.items.update(itemKey(item.id), (old) =>
    beginDisable(old, terms, { now: NOW }),
  );
  await services.records.jobs.create(leaving.job.operation, jobOf(leaving));
  return leaving;
}

export function run({ machine, job: { operation } }: ItemRecord, most?: number) {
  const act = (name: string, input: unknown) => {
    const found = activities[name];
    if (!found) throw new Error(`no activity ${name}`);
    return Reflect.apply(found, undefined, [input, { services, client }]);
  };
  return played(disableProtection, { operation, machine }, act, most);
}

export async function disabled(item: ItemRecord, purge = false, keepPoints = false) {
  const leaving = await begun(item, purge, keepPoints);
  await run(leaving);
  const job = (await services.records.jobs.get(leaving.job.operation))?.value;
  if (!job) throw new Error("no job");
  return job;
}

export const whyLeft = (job: Awaited<ReturnType<typeof disabled>>, id: string) =>
  job.removed?.left.find(({ name }) => name.toLowerCase() === id.toLowerCase())?.why;

/** The account at this endpoint does not answer. */
export const silence = (endpoint: string) => void (silent = endpoint);

/** Every account has these containers. */
export const withContainers = (names: readonly string[]) =>
  void (services = { ...services, containersAt: async () => [...names] });
