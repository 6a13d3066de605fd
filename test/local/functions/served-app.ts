import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import tls from "node:tls";
import { ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import type { Ensured } from "../../../engine/azure/resource.ts";
import { ensureStorageAccount } from "../../../engine/azure/storage-account.ts";
import { vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import type { Clock } from "../../../engine/core/clock.ts";
import { armId, machineId } from "../../../engine/core/ids.ts";
import { MIB, bytes, diskIndex, generation } from "../../../engine/core/units.ts";
import { follow } from "../../../engine/journal/chain.ts";
import { fileKey } from "../../../engine/journal/file-key.ts";
import { encodeWrappedKey } from "../../../engine/journal/key.ts";
import { CONTAINER, keyName } from "../../../engine/journal/names.ts";
import { type ItemRecord, itemKey, machineIdFor } from "../../../engine/recovery/item.ts";
import { type AllRecords, recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut } from "../../../engine/recovery/replicating.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { PATIENT, attempt } from "../../../engine/storage/attempt.ts";
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

const AUDIENCE = "api://leeward";
/** The disks of the machine that is protected. */
export const DISKS = [
  { index: diskIndex(0), name: "os", size: bytes(2 * MIB) },
  { index: diskIndex(1), name: "data", size: bytes(MIB) },
];
/** The vault that everything is in. */
const VAULT = armId(
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/leeward/providers/Microsoft.RecoveryServices/vaults/leeward-vault`,
);

/** The app itself, and whoever asks it with every right. */
const APP = { ...OPERATOR, objectId: "33333333-3333-4333-8333-333333333333", roles: ["Leeward.Admin"] };

export interface Served {
  readonly folder: string;
  readonly arm: TestBox;
  readonly host: Host;
  readonly story: Story;
  /** Protected, with two recovery points. */
  readonly item: ItemRecord;
  readonly records: AllRecords;
  readonly store: AzureRecordStore;
  objectsAt(account: "cache" | "target" | "replica"): AzureObjectStore;
  /** Of a caller who holds the role Admin, or whose secret it is. */
  token(secret?: string): Promise<string>;
  /** A call with JSON, as Admin. @param target a path without a query */
  readonly call: (
    method: string,
    target: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; body: unknown; headers: Headers }>;
  /** Everything that is stored, by its ETag, the task hub, and how many changes Resource Manager was asked for. */
  fingerprint(): Promise<string[]>;
  close(): Promise<void>;
}

interface Wanted {
  /** What the machine wrote; what comes behind the last but one `seal` is in the cache. */
  readonly events?: readonly Event[];
  /** The host's; the system's when it is left out. */
  readonly clock?: Clock;
  /** Seconds that Resource Manager wants to be left alone between two questions. */
  readonly retryAfter?: number;
  readonly identities?: readonly { readonly name: string; readonly secret: string }[];
  /** Something that is to hold before the app starts. @param tls the folder of the certificates that this process believes */
  readonly prepare?: (arm: TestBox, tls: string) => void | Promise<void>;
}

/**
 * The whole app in the local Functions host, in this process, over a real Azurite and the simulator of Resource Manager, with
 * one machine that is protected as the app would have left it: two points have arrived, a write behind them is in the cache.
 * One app a process, so a test file serves one.
 */
export async function serveApp(wanted: Wanted = {}): Promise<Served> {
  injectCoreApi();
  const folder = mkdtempSync(path.join(tmpdir(), "functions-app-"));
  const azurite = await trustedAzurite(folder);
  let writes = 0;
  const arm = await startBox({
    directory: folder,
    observe: ({ method }) => {
      if (method !== "GET") writes++;
    },
    config: {
      ...(wanted.retryAfter !== undefined && { retryAfter: wanted.retryAfter }),
      regions: regionsOver(azurite),
      identities: [APP, ...(wanted.identities ?? [])],
    },
  });
  await wanted.prepare?.(arm, path.join(folder, "tls"));
  const scene = new Scene(folder, azurite, arm, () => writes);
  await scene.set(wanted.events);
  Object.assign(process.env, scene.settings());
  const host = await startHost({
    app: path.join(import.meta.dirname, "../../.."),
    entry: path.join(import.meta.dirname, "../../../functions/main.ts"),
    data: path.join(folder, "host"),
    port: 0,
    ...(wanted.clock && { clock: wanted.clock }),
  });
  return scene.served(host);
}

/** One Azurite for both regions, whose certificate this process believes from now on. */
async function trustedAzurite(folder: string): Promise<Azurite> {
  const certificates = await ensureCertificates(path.join(folder, "tls"));
  const authority = readFileSync(certificates.ca, "utf8");
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), authority]);
  return startAzurite({
    directory: path.join(folder, "azurite"),
    accounts: ["cache", "target", "replica"],
    tls: certificates,
    log: path.join(folder, "azurite.log"),
  });
}

const regionsOver = (azurite: Azurite) => [
  { name: WEST, displayName: "West Europe", pool: [] },
  {
    name: NORTH,
    displayName: "North Europe",
    pool: [
      { name: "replica", blob: azurite.blobEndpoint("replica"), table: azurite.tableEndpoint("replica") },
    ],
  },
];

const network = idOf("shop", "Microsoft.Network/virtualNetworks", "net");
const account = (name: string) => idOf("shop", "Microsoft.Storage/storageAccounts", name);
const own = { machine: machineId("elsewhere"), role: "target" } as const;

class Scene {
  readonly #folder: string;
  readonly #azurite: Azurite;
  readonly #arm: TestBox;
  readonly #keyFile: string;
  readonly #store: AzureRecordStore;
  readonly #item: ItemRecord;
  readonly #writes: () => number;
  #story: Story | undefined;

  constructor(folder: string, azurite: Azurite, arm: TestBox, writes: () => number) {
    this.#folder = folder;
    this.#azurite = azurite;
    this.#arm = arm;
    this.#writes = writes;
    this.#keyFile = path.join(folder, "master.key");
    this.#store = new AzureRecordStore(
      connectTable(azurite.tableEndpoint("target"), "leeward", testCredential()),
    );
    this.#item = itemAtWork(azurite);
  }

  async set(events: readonly Event[] = EVENTS): Promise<void> {
    await this.#targetRegion();
    this.#story = await tell(events, { machine: this.#item.machine, disks: DISKS });
    for (const name of ["cache", "target", "replica"] as const) await this.#objectsAt(name).ensureContainer();
    await this.#journal(this.#story);
    const pages = new AzurePageStore(this.#container("replica"));
    for (const disk of DISKS) {
      const footer = vhdFooter(disk.size, Buffer.alloc(16, disk.index + 1));
      await createReplica(pages, this.#item.machine, disk, footer);
    }
  }

  /** What enabling has made: a resource group, a network and the account of the replica. */
  async #targetRegion(): Promise<void> {
    const { client } = this.#arm;
    await client.put(groupId("shop"), { location: NORTH });
    const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
    const net = { id: network, location: NORTH, addressPrefixes: ["10.1.0.0/16"], subnets, owner: own };
    await this.#finished(await ensureVirtualNetwork(client, net));
    const replica = { id: account("replica"), location: NORTH, sku: "Standard_LRS", owner: own } as const;
    await this.#finished(await ensureStorageAccount(client, replica));
  }

  /** ARM may want to be asked again in ten minutes; who sets the scene does not wait for that. */
  async #finished({ operation }: Pick<Ensured, "operation">): Promise<void> {
    if (!operation) return;
    while (!(await this.#arm.client.poll(operation)).done) await setTimeout(50);
  }

  /** The data key, the segments, the points and the records. */
  async #journal(story: Story): Promise<void> {
    const { machine, key } = story;
    writeFileSync(this.#keyFile, Buffer.alloc(32, 7));
    const target = this.#objectsAt("target");
    const wrapped = encodeWrappedKey(await (await fileKey(this.#keyFile)).wrap(key));
    await target.put(keyName(machine), wrapped, "absent");
    const arrived = { ...story, segments: story.segments.slice(0, -1) };
    const newest = (await carry(arrived, target, 2_000, DISKS)).at(-1);
    if (!newest) throw new RangeError("the story has no points");
    await cacheSegments(this.#objectsAt("cache"), story.segments.slice(-1));
    await this.#store.ensureTable();
    const records = recordsIn(this.#store);
    await records.items.create(itemKey(this.#item.id), this.#item);
    const begun = withCut(beginGeneration(machine, generation(1), undefined), newest.position, [newest], []);
    const position = arrived.segments.reduce((at, segment) => follow(machine, at, segment), story.start);
    await records.progress.create(machine, { ...begun, arrived: position });
  }

  #container(name: string) {
    return connectContainer(this.#azurite.blobEndpoint(name), CONTAINER, testCredential());
  }

  #objectsAt(name: string): AzureObjectStore {
    return new AzureObjectStore(this.#container(name));
  }

  /** What the box sets for its Functions host. */
  settings(): Record<string, string> {
    return {
      TASKHUB_NAME: "whole",
      IDENTITY_ENDPOINT: this.#arm.identityEndpoint,
      IDENTITY_HEADER: OPERATOR.secret,
      LEEWARD_ARM_ENDPOINT: this.#arm.url,
      LEEWARD_ARM_AUDIENCE: ARM_AUDIENCE,
      LEEWARD_STORAGE_SUFFIX: "127.0.0.1",
      LEEWARD_SUBSCRIPTION_ID: SUBSCRIPTION,
      LEEWARD_REGION: NORTH,
      LEEWARD_TARGET_BLOB_ENDPOINT: this.#azurite.blobEndpoint("target"),
      LEEWARD_TARGET_TABLE_ENDPOINT: this.#azurite.tableEndpoint("target"),
      LEEWARD_KEY_FILE: this.#keyFile,
      LEEWARD_ISSUER: this.#arm.issuer,
      LEEWARD_AUDIENCE: AUDIENCE,
      LEEWARD_PUBLIC_URL: "https://127.0.0.1:7071",
      LEEWARD_POINT_SCHEDULE: "0 0 0 1 1 *",
    };
  }

  async #fingerprint({ hub }: Host): Promise<string[]> {
    const stored = await attempt("looking at everything", PATIENT, () => this.#stored());
    return [`changes of resources: ${this.#writes()}`, JSON.stringify(hub.store.db.all(HUB)), ...stored];
  }

  async #stored(): Promise<string[]> {
    const found: string[] = [];
    const table = connectTable(this.#azurite.tableEndpoint("target"), "leeward", testCredential());
    for await (const { partitionKey, rowKey, etag } of table.listEntities())
      found.push(`record ${partitionKey} ${rowKey} ${etag}`);
    for (const name of ["cache", "target", "replica"])
      for await (const blob of this.#container(name).listBlobsFlat({ includeSnapshots: true }))
        found.push(`blob ${name} ${blob.name} ${blob.snapshot} ${blob.properties.etag}`);
    return found;
  }

  served(host: Host): Served {
    if (!this.#story) throw new RangeError("the scene is not set");
    const token = (secret = OPERATOR.secret) => this.#arm.token(secret, AUDIENCE);
    return {
      folder: this.#folder,
      arm: this.#arm,
      host,
      story: this.#story,
      item: this.#item,
      records: recordsIn(this.#store),
      store: this.#store,
      objectsAt: (name) => this.#objectsAt(name),
      token,
      call: async (method, target, body, headers = {}) => {
        const answer = await fetch(`${host.url}${target}?api-version=2025-08-01`, {
          method,
          headers: {
            authorization: `Bearer ${await token()}`,
            "content-type": "application/json",
            ...headers,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await answer.text();
        return {
          status: answer.status,
          headers: answer.headers,
          body: text === "" ? undefined : JSON.parse(text),
        };
      },
      fingerprint: () => this.#fingerprint(host),
      close: async () => {
        await host.stop();
        await this.#arm.close();
        await this.#azurite.stop();
        rmSync(this.#folder, { recursive: true, force: true });
      },
    };
  }
}

const HUB =
  "SELECT (SELECT count(*) FROM instance) AS i, (SELECT count(*) FROM history) AS h, (SELECT count(*) FROM inbox) AS b";

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

function itemAtWork(azurite: Azurite): ItemRecord {
  const plain = protectedItem();
  const id = armId(
    `${VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/Shop`,
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
    request: { resourceGroup: groupId("shop") },
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
