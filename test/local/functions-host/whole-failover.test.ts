import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import tls from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import type { Ensured } from "../../../engine/azure/resource.ts";
import { ensureStorageAccount } from "../../../engine/azure/storage-account.ts";
import { getVirtualMachine, powerStateOf } from "../../../engine/azure/virtual-machine.ts";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import { type ArmId, armId, barrierId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes, diskIndex, generation, millis, sequence } from "../../../engine/core/units.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { fileKey } from "../../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../../engine/journal/key.ts";
import { CONTAINER, keyName, pointName } from "../../../engine/journal/names.ts";
import { type ItemRecord, itemKey, machineIdFor, targetOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut } from "../../../engine/recovery/replicating.ts";
import { targetDisk } from "../../../engine/recovery/target-names.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { AzureObjectStore } from "../../../engine/storage/azure-object.ts";
import { AzurePageStore } from "../../../engine/storage/azure-page.ts";
import { AzureRecordStore } from "../../../engine/storage/azure-record.ts";
import { connectContainer, connectTable } from "../../../engine/storage/connect.ts";
import { type Azurite, startAzurite } from "../../../local/azurite/azurite.ts";
import { injectCoreApi } from "../../../local/functions-host/core-api.ts";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import { ensureCertificates } from "../../../local/tls/certificate.ts";
import { carry } from "../../fixtures/carried.ts";
import { testCredential } from "../../fixtures/region.ts";
import { cacheSegments, type Event, type Story, tell } from "../../fixtures/story.ts";
import { protectedItem } from "../../unit/engine/recovery/fixture.ts";
import {
  ARM_AUDIENCE,
  groupId,
  idOf,
  NORTH,
  OPERATOR,
  startBox,
  SUBSCRIPTION,
  type TestBox,
  WEST,
} from "../arm/fixture.ts";
import { VirtualClock } from "./virtual-clock.ts";

const HOUR = 3_600_000;
/** Seconds. So long, because the app's own budget of calls to ARM goes by the real clock. */
const RETRY_AFTER = 600;
const AUDIENCE = "api://leeward";
const DISKS = [
  { index: diskIndex(0), name: "os", size: bytes(2 * MIB) },
  { index: diskIndex(1), name: "data", size: bytes(MIB) },
];

/** The app itself, and whoever asks it. */
const APP = { ...OPERATOR, objectId: "33333333-3333-4333-8333-333333333333", roles: ["Leeward.Admin"] };

injectCoreApi();
const clock = new VirtualClock(new Date().toISOString());
const folder = mkdtempSync(path.join(tmpdir(), "functions-whole-"));
const endings: (() => Promise<unknown>)[] = [];
let azurite: Azurite;
let arm: TestBox;
let host: Host;
let story: Story;
let item: ItemRecord;

beforeAll(async () => {
  arm = await startBox({
    directory: folder,
    config: { retryAfter: RETRY_AFTER, regions: await regions(), identities: [APP] },
  });
  endings.push(() => arm.close());
  await slowly(arm);
  await shop();
  Object.assign(process.env, settings());
  host = await startHost({
    app: path.join(import.meta.dirname, "../../.."),
    entry: path.join(import.meta.dirname, "../../../functions/main.ts"),
    data: path.join(folder, "host"),
    port: 0,
    clock,
  });
  endings.push(() => host.stop());
});
afterAll(async () => {
  await clock.advance(3 * HOUR, () => Promise.resolve());
  for (const end of endings.toReversed()) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** Two regions whose storage is one Azurite, so that both are there when ARM is asked for an account. */
async function regions() {
  const certificates = await ensureCertificates(path.join(folder, "tls"));
  const authority = readFileSync(certificates.ca, "utf8");
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), authority]);
  azurite = await startAzurite({
    directory: path.join(folder, "azurite"),
    accounts: ["cache", "target", "replica"],
    tls: certificates,
    log: path.join(folder, "azurite.log"),
  });
  endings.push(() => azurite.stop());
  return [
    { name: WEST, pool: [] },
    {
      name: NORTH,
      pool: [
        { name: "replica", blob: azurite.blobEndpoint("replica"), table: azurite.tableEndpoint("replica") },
      ],
    },
  ];
}

/** A virtual machine takes two hours to be powered on; whatever else ARM does is done at once. */
async function slowly({ hypervisor }: TestBox): Promise<void> {
  const powerOn = hypervisor.powerOn.bind(hypervisor);
  hypervisor.powerOn = async (vm) => {
    await clock.sleep(millis(2 * HOUR));
    await powerOn(vm);
  };
}

const network = idOf("shop", "Microsoft.Network/virtualNetworks", "net");
const account = (name: string) => idOf("shop", "Microsoft.Storage/storageAccounts", name);
const own = { machine: machineId("elsewhere"), role: "target" } as const;

/** A machine that is protected, as the app would have left it: two points have arrived, a write behind them is in the cache. */
async function shop(): Promise<void> {
  await targetRegion();
  item = itemAtWork();
  story = await tell(EVENTS, { machine: item.machine, disks: DISKS });
  for (const name of ["cache", "target", "replica"]) await objectsAt(name).ensureContainer();
  await journal();
  for (const disk of DISKS)
    await createReplica(pages(), item.machine, disk, vhdFooter(disk.size, Buffer.alloc(16, disk.index + 1)));
}

/** What enabling has made: a resource group, a network and the account of the replica. */
async function targetRegion(): Promise<void> {
  const { client } = arm;
  await client.put(groupId("shop"), { location: NORTH });
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const net = { id: network, location: NORTH, addressPrefixes: ["10.1.0.0/16"], subnets, owner: own };
  await finishedSoon(await ensureVirtualNetwork(client, net));
  const replica = { id: account("replica"), location: NORTH, sku: "Standard_LRS", owner: own } as const;
  await finishedSoon(await ensureStorageAccount(client, replica));
}

/** The data key, the segments, the points and the records. */
async function journal(): Promise<void> {
  const { machine, key } = story;
  writeFileSync(keyFile, Buffer.alloc(32, 7));
  const target = objectsAt("target");
  await target.put(keyName(machine), encodeWrappedKey(await (await fileKey(keyFile)).wrap(key)), "absent");
  const arrived = { ...story, segments: story.segments.slice(0, -1) };
  const newest = (await carry(arrived, target, 2_000, DISKS)).at(-1);
  if (!newest) throw new RangeError("the story has no points");
  await cacheSegments(objectsAt("cache"), story.segments.slice(-1));
  const store = new AzureRecordStore(
    connectTable(azurite.tableEndpoint("target"), "leeward", testCredential()),
  );
  await store.ensureTable();
  const records = recordsIn(store);
  await records.items.create(itemKey(item.id), item);
  const begun = withCut(beginGeneration(machine, generation(1), undefined), newest.position, [newest], []);
  const position = arrived.segments.reduce((at, segment) => follow(machine, at, segment), story.start);
  await records.progress.create(machine, { ...begun, arrived: position });
}

const keyFile = path.join(folder, "master.key");
const pages = () =>
  new AzurePageStore(connectContainer(azurite.blobEndpoint("replica"), CONTAINER, testCredential()));
const objectsAt = (name: string) =>
  new AzureObjectStore(connectContainer(azurite.blobEndpoint(name), CONTAINER, testCredential()));

const write = (disk: number, sector: number, fill: number): Event => ({
  kind: "write",
  disk,
  sector,
  sectors: 40,
  fill,
});
const EVENTS: Event[] = [
  write(0, 0, 1),
  write(1, 100, 2),
  { kind: "barrier" },
  { kind: "prove" },
  { kind: "seal" },
  write(0, 3000, 3),
  { kind: "barrier" },
  { kind: "prove" },
  { kind: "seal" },
  write(1, 0, 4),
  { kind: "seal" },
];

function itemAtWork(): ItemRecord {
  const plain = protectedItem();
  const id = armId(
    `/subscriptions/${SUBSCRIPTION}/resourceGroups/leeward/providers/Microsoft.RecoveryServices/vaults/leeward-vault` +
      "/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/Shop",
  );
  const vmId = idOf("source", "Microsoft.Compute/virtualMachines", "shop");
  const disks = DISKS.map(({ index, name, size }) => ({
    index,
    id: idOf("source", "Microsoft.Compute/disks", name),
    name,
    size,
    sku: "Premium_LRS",
    caching: "None" as const,
    ...(index === 0 ? { osType: "Linux" as const } : { lun: index }),
  }));
  const nics = [
    { name: "nic", primary: true, privateAddress: "10.1.0.7", subnet: "apps", acceleratedNetworking: false },
  ];
  return {
    ...plain,
    id,
    vmId,
    machine: machineIdFor(id, vmId, "first"),
    policy: { ...plain.policy, replica: "warm" },
    source: {
      region: WEST,
      vmSize: "Standard_D2s_v5",
      tags: { team: "shop" },
      principal: "nobody",
      network: { name: "net", addressPrefixes: [], subnets: [] },
      nics,
      disks,
    },
    target: {
      region: NORTH,
      resourceGroup: groupId("shop"),
      network,
      vm: idOf("shop", "Microsoft.Compute/virtualMachines", "shop"),
      cache: { id: account("cache"), blobEndpoint: azurite.blobEndpoint("cache") },
      replica: { id: account("replica"), blobEndpoint: azurite.blobEndpoint("replica") },
    },
  };
}

/** What the box sets for its Functions host. */
const settings = () => ({
  TASKHUB_NAME: "whole",
  IDENTITY_ENDPOINT: arm.identityEndpoint,
  IDENTITY_HEADER: OPERATOR.secret,
  LEEWARD_ARM_ENDPOINT: arm.url,
  LEEWARD_ARM_AUDIENCE: ARM_AUDIENCE,
  LEEWARD_STORAGE_SUFFIX: "127.0.0.1",
  LEEWARD_SUBSCRIPTION_ID: SUBSCRIPTION,
  LEEWARD_REGION: NORTH,
  LEEWARD_TARGET_BLOB_ENDPOINT: azurite.blobEndpoint("target"),
  LEEWARD_TARGET_TABLE_ENDPOINT: azurite.tableEndpoint("target"),
  LEEWARD_KEY_FILE: keyFile,
  LEEWARD_ISSUER: arm.issuer,
  LEEWARD_AUDIENCE: AUDIENCE,
  LEEWARD_PUBLIC_URL: "https://127.0.0.1:7071",
  LEEWARD_POINT_SCHEDULE: "0 0 0 1 1 *",
});

/** ARM wants to be asked again in ten minutes; a test that sets the scene does not wait for that. */
async function finishedSoon(begun: Pick<Ensured, "operation">): Promise<void> {
  const { operation } = begun;
  if (!operation) return;
  while (!(await arm.client.poll(operation)).done) await setTimeout(50);
}

async function call(
  method: string,
  target: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const authorization = `Bearer ${await arm.token(OPERATOR.secret, AUDIENCE)}`;
  const answer = await fetch(`${host.url}${target}?api-version=2025-08-01`, {
    method,
    headers: { authorization, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
}

const View = z.object({
  properties: z.object({ leeward: z.object({ state: z.string(), failover: z.unknown() }) }),
});
const seen = async () => View.parse((await call("GET", item.id)).body).properties.leeward;

const spoiled = barrierId("00000000-0000-4000-8000-0000000000ff");

test("a point that cannot be read is named beside the others, and refused before anything changes when it is asked for", async () => {
  const { machine } = item;
  const name = pointName(machine, generation(1), sequence(1000), spoiled);
  await objectsAt("target").put(name, Buffer.from("{"), "absent");
  const list = Points.parse((await call("GET", `${item.id}/recoveryPoints`)).body);
  expect(list.value).toHaveLength(2);
  expect(list.leewardDamaged).toMatchObject([{ name: spoiled, sequence: 1000, code: "ManifestDamaged" }]);
  expect(list.leewardDamaged[0]?.message).toContain(name);
  expect((await call("GET", `${item.id}/recoveryPoints/${spoiled}`)).status).toBe(500);
  const recoveryPointId = `${item.id}/recoveryPoints/${spoiled}`;
  const details = { providerSpecificDetails: { instanceType: "A2A", recoveryPointId } };
  const asked = await call("POST", `${item.id}/unplannedFailover`, { properties: details });
  expect(asked).toMatchObject({ status: 500, body: { error: { code: "ManifestDamaged" } } });
  expect((await seen()).state).toBe("Protected");
});

const Points = z.object({
  value: z.array(z.unknown()),
  leewardDamaged: z.array(z.object({ name: z.string(), message: z.string() }).loose()),
});

test("the app's own failover, with its real activities, builds a machine that takes two hours, in seconds", async () => {
  const began = performance.now();
  const asked = { properties: { providerSpecificDetails: { instanceType: "A2A" } } };
  const { status, body } = await call("POST", `${item.id}/unplannedFailover`, asked);
  expect([status, body]).toEqual([202, undefined]);
  await advance(HOUR);
  expect((await seen()).state).toBe("FailingOver");
  expect(arm.hypervisor.calls).toEqual([]);
  await advance(1.6 * HOUR);
  const { state, failover } = await seen();
  expect(state).toBe("UnplannedFailoverCommitPending");
  const passedOver = [{ point: spoiled, code: "ManifestDamaged", message: expect.any(String) }];
  expect(failover).toMatchObject({ road: "import", announced: { writes: 1 }, passedOver });
  const vm = await getVirtualMachine(arm.client, targetOf(item).vm);
  expect(powerStateOf(vm)).toBe("running");
  const point = story.moments.at(-1);
  if (!point) throw new RangeError("the story has no point");
  for (const { index, name, size } of DISKS) {
    const built = diskImage(targetDisk(targetOf(item), name, point.barrier.id), size);
    expect(point.disks[index]?.equals(built)).toBe(true);
  }
  expect(arm.hypervisor.calls).toEqual(["on shop"]);
  // Of the real clock: some seconds, on a machine that has nothing else to do.
  expect(performance.now() - began).toBeLessThan(HOUR / 20);
});

const advance = (duration: number) => clock.advance(duration, () => host.idle());

function diskImage(disk: ArmId, size: number): Buffer {
  return readFileSync(path.join(folder, "disks", `${disk.split("/").at(-1)}.img`)).subarray(0, size);
}
