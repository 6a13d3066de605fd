import { getStorageAccount } from "../../engine/azure/storage-account.ts";
import type { ArmId, MachineId } from "../../engine/core/ids.ts";
import { bytes } from "../../engine/core/units.ts";
import {
  CONTAINER,
  checkpointsPrefix,
  keyName,
  machinePrefix,
  pointsPrefix,
} from "../../engine/journal/names.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import { type DeletedThing, withDeleted, withLeft } from "../../engine/recovery/removed.ts";
import { IMPATIENT, PATIENT } from "../../engine/storage/attempt.ts";
import type { ObjectInfo, ObjectStore } from "../../engine/storage/store.ts";
import type { InputOf } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { noteRemoved } from "./note-removed.ts";
import { itemOf } from "./tools.ts";
import { turnOf } from "./turn.ts";

/** Where objects of the machine are, and how they are deleted there. */
interface Place {
  /** For the list of what was deleted. */
  readonly name: string;
  readonly objects: ObjectStore;
  readonly remove: (names: readonly string[]) => Promise<void>;
  /** The account was named by whoever enabled the machine. */
  readonly theirs: boolean;
}

/** So many are deleted, and then counted: a process that dies between leaves them out of the list. */
const BATCH = 256;

/** Nothing happens where there is nothing: an account that is gone holds nothing. */
export async function removeObjects(
  services: Services,
  { machine, operation, from }: InputOf<"removeObjects">,
): Promise<{ more: boolean }> {
  const place = await placeOf(services, await itemOf(services, machine), from);
  if (!place) return { more: false };
  const enough = turnOf(services.clock);
  for (const listing of inOrder(machine))
    for await (const batch of batches(place.objects, listing)) {
      await place.remove(batch.map(({ name }) => name));
      await noteRemoved(services, operation, (old) => withDeleted(old, counted(place, machine, batch)));
      if (enough()) return { more: true };
    }
  if (place.theirs) {
    const left = { type: "container", name: `${place.name}/${CONTAINER}`, why: THEIRS };
    await noteRemoved(services, operation, (old) => withLeft(old, left));
  }
  return { more: false };
}

/** There is no "delete it if it is empty", and another machine may just be enabled into it. */
const THEIRS =
  "the account is yours, and other machines may use the container: delete it yourself when it is empty";

/** Points before what they are made of, and the key last: until then a point that is still named can be rebuilt. */
const inOrder = (machine: MachineId): Listing[] => [
  { prefix: pointsPrefix(machine) },
  { prefix: checkpointsPrefix(machine) },
  { prefix: machinePrefix(machine), but: keyName(machine) },
  { prefix: machinePrefix(machine) },
];

interface Listing {
  readonly prefix: string;
  readonly but?: string;
}

async function* batches(objects: ObjectStore, { prefix, but }: Listing): AsyncGenerator<ObjectInfo[]> {
  let batch: ObjectInfo[] = [];
  for await (const object of objects.list(prefix)) {
    if (object.name === but) continue;
    if (batch.push(object) < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** By kind, as in `machines/{machine}/journal`. */
function counted({ name }: Place, machine: MachineId, batch: readonly ObjectInfo[]): DeletedThing[] {
  const kinds = Map.groupBy(batch, (object) => kindOf(machine, object));
  return [...kinds].map(([kind, objects]) => ({
    type: "objects",
    name: `${name}/${kind}`,
    count: objects.length,
    bytes: bytes(objects.reduce((sum, { size }) => sum + size, 0)),
  }));
}

function kindOf(machine: MachineId, { name }: ObjectInfo): string {
  const prefix = machinePrefix(machine);
  const end = name.indexOf("/", prefix.length);
  return end < 0 ? name : name.slice(0, end);
}

async function placeOf(
  services: Services,
  { target, request }: ItemRecord,
  from: InputOf<"removeObjects">["from"],
): Promise<Place | undefined> {
  const { settings } = services;
  if (from === "journal") return objectsIn(settings.targetBlobEndpoint, services.target, false);
  const account = from === "cache" ? target?.cache : target?.replica;
  const endpoint = account && (await endpointAt(services, account.id));
  if (!endpoint) return undefined;
  const objects = services.objectsAt(endpoint, from === "cache" ? IMPATIENT : PATIENT);
  const theirs = (from === "cache" ? request.cacheAccount : request.replicaAccount) !== undefined;
  if (from === "cache") return objectsIn(endpoint, objects, theirs);
  const pages = services.pagesAt(endpoint);
  // With their snapshots, and whoever holds a lease on them.
  const remove = async (names: readonly string[]) => {
    for (const name of names) await pages.delete(name);
  };
  return { name: hostOf(endpoint), objects, remove, theirs };
}

const objectsIn = (endpoint: string, objects: ObjectStore, theirs: boolean): Place => ({
  theirs,
  name: hostOf(endpoint),
  objects,
  remove: (names) => objects.delete(names),
});

const hostOf = (endpoint: string): string => endpoint.replace(/^https:\/\//, "").replace(/\/+$/, "");

/** Undefined when there is no such account. */
async function endpointAt({ arm }: Services, id: ArmId): Promise<string | undefined> {
  if ((await arm.find(id)) === undefined) return undefined;
  return (await getStorageAccount(arm, id)).properties.primaryEndpoints.blob;
}
