import type { TokenCredential } from "@azure/identity";
import { type ArmClient, armClient } from "../engine/azure/arm.ts";
import { inStorage } from "../engine/azure/cloud.ts";
import { managedIdentity } from "../engine/azure/credential.ts";
import { onlyDeclared } from "../engine/azure/declared.ts";
import { keyVaultKey } from "../engine/azure/key-vault.ts";
import { type Clock, systemClock } from "../engine/core/clock.ts";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import { fileKey } from "../engine/journal/file-key.ts";
import {
  type DataKey,
  type KeyWrapper,
  dataKey,
  decodeWrappedKey,
  encodeWrappedKey,
  newDataKey,
} from "../engine/journal/key.ts";
import { CONTAINER, keyName } from "../engine/journal/names.ts";
import { type AllRecords, recordsIn } from "../engine/recovery/records.ts";
import type { Offer } from "../engine/eligibility/survey.ts";
import { PATIENT, type Patience } from "../engine/storage/attempt.ts";
import { AzureObjectStore } from "../engine/storage/azure-object.ts";
import { AzurePageStore } from "../engine/storage/azure-page.ts";
import { AzureRecordStore } from "../engine/storage/azure-record.ts";
import { connectContainer, connectTable, listContainers } from "../engine/storage/connect.ts";
import type { ObjectStore, PageStore } from "../engine/storage/store.ts";
import { type Caller, tokenChecker } from "./auth.ts";
import { type CacheAccess, cacheAccess } from "./cache-access.ts";
import { offers } from "./offer.ts";
import { type Peer, peerAt } from "./peer.ts";
import { type Settings, readSettings } from "./settings.ts";

/** Everything that handlers and activities reach the world through. Built once per process. */
export interface Services {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly credential: TokenCredential;
  readonly arm: ArmClient;
  /** The app of the other region, if there is one. */
  readonly peer?: Peer | undefined;
  readonly records: AllRecords;
  /** The journal in the target region. */
  readonly target: ObjectStore;
  /** Objects of the account at this blob endpoint. */
  readonly objectsAt: (blobEndpoint: string, patience?: Patience) => ObjectStore;
  readonly pagesAt: (blobEndpoint: string) => PageStore;
  /** Names of all containers of the account at this blob endpoint. */
  readonly containersAt: (blobEndpoint: string) => Promise<string[]>;
  /** For the agent, to the cache container of the account at this blob endpoint. */
  readonly cacheAccess: (blobEndpoint: string) => Promise<CacheAccess>;
  /** The machine's data key, made at the first call. */
  readonly keyOf: (machine: MachineId) => Promise<DataKey>;
  /** What a region offers to a subscription, as it was so many microseconds ago at most: a day when it is left out. */
  readonly offerOf: (subscription: string, region: string, oldest?: number) => Promise<Offer>;
  readonly checkToken: (authorization: string | null) => Promise<Caller>;
}

/** @throws InvalidSetting, StorageUnavailable; a failure is not kept, so that the next call tries again. */
export function services(): Promise<Services> {
  built ??= build(readSettings(process.env)).catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

let built: Promise<Services> | undefined;

const TABLE = "leeward";

async function build(settings: Settings): Promise<Services> {
  const credential = managedIdentity(settings.clientId, settings.authorityHost);
  const store = new AzureRecordStore(connectTable(settings.targetTableEndpoint, TABLE, credential));
  const container = remembered((endpoint) =>
    connectContainer(ownStorage(endpoint, settings.storageSuffixes), CONTAINER, credential),
  );
  const objectsAt = (endpoint: string, patience: Patience = PATIENT) =>
    new AzureObjectStore(container(endpoint), patience);
  const target = objectsAt(settings.targetBlobEndpoint);
  await Promise.all([store.ensureTable(), target.ensureContainer()]);
  const arm = onlyDeclared(
    armClient({ endpoint: settings.armEndpoint, audience: settings.armAudience, credential }),
  );
  return {
    settings,
    clock: systemClock,
    credential,
    arm,
    peer:
      settings.peerUrl === undefined ? undefined : peerAt(settings.peerUrl, settings.audience, credential),
    records: recordsIn(store),
    target,
    objectsAt,
    cacheAccess: async (endpoint) => cacheAccess(credential, ownStorage(endpoint, settings.storageSuffixes)),
    containersAt: (endpoint) => listContainers(ownStorage(endpoint, settings.storageSuffixes), credential),
    pagesAt: (endpoint) => new AzurePageStore(container(endpoint)),
    keyOf: keys(target, await wrapperOf(settings, credential)),
    offerOf: offers(arm, systemClock),
    checkToken: tokenChecker(settings),
  };
}

/** @throws StorageRefused for an endpoint of another cloud, or of none: the token would go there. */
function ownStorage(endpoint: string, suffixes: readonly string[]): string {
  if (endpoint.startsWith("https://") && inStorage(endpoint, suffixes)) return endpoint;
  throw new LeewardError("StorageRefused", `${endpoint} is not https at ${suffixes.join(" or ")}`);
}

/** One client for each endpoint, which keeps its token. */
function remembered<Client>(connect: (endpoint: string) => Client): (endpoint: string) => Client {
  const known = new Map<string, Client>();
  return (endpoint) => {
    const client = known.get(endpoint) ?? connect(endpoint);
    known.set(endpoint, client);
    return client;
  };
}

async function wrapperOf(settings: Settings, credential: TokenCredential): Promise<KeyWrapper> {
  if (settings.keyFile !== undefined) return fileKey(settings.keyFile);
  return keyVaultKey(settings.keyVaultKey ?? "", credential, dataKey, { audience: settings.vaultAudience });
}

function keys(target: ObjectStore, wrapper: KeyWrapper): (machine: MachineId) => Promise<DataKey> {
  const known = new Map<MachineId, DataKey>();
  return async (machine) => {
    const key = known.get(machine) ?? (await wrapper.unwrap(await wrappedKey(target, wrapper, machine)));
    known.set(machine, key);
    return key;
  };
}

/** The stored key; of two that make one at the same time, the first stored is everybody's. */
async function wrappedKey(target: ObjectStore, wrapper: KeyWrapper, machine: MachineId) {
  const name = keyName(machine);
  const stored = await target.get(name);
  if (stored) return decodeWrappedKey(stored.body);
  const made = encodeWrappedKey(await wrapper.wrap(newDataKey()));
  try {
    await target.put(name, made, "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
  const agreed = await target.get(name);
  if (!agreed) throw new LeewardError("StorageUnavailable", `${name} vanished after it was stored`);
  return decodeWrappedKey(agreed.body);
}
