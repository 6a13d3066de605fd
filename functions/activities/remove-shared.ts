import { remove } from "../../engine/azure/resource.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { storedBesideBlobs } from "../../engine/azure/stored-beside.ts";
import { getStorageAccount } from "../../engine/azure/storage-account.ts";
import { type ArmId, armId, sameArmId } from "../../engine/core/ids.ts";
import { CONTAINER } from "../../engine/journal/names.ts";
import { type ItemRecord, lastSegment } from "../../engine/recovery/item.ts";
import { mappingKey } from "../../engine/recovery/network-mapping.ts";
import { removingKey, uses } from "../../engine/recovery/removing.ts";
import type { Services } from "../services.ts";
import { GROUP, type Ours, isLeft } from "./our-resources.ts";
import type { Dooming, Fate } from "./remove-resources.ts";

/**
 * Goes with the last machine that uses it, if nothing else is in it. It is marked before anybody is asked whether he uses it
 * (`engine/recovery/removing.ts`), and the mark stays until it is gone.
 */
export async function removeShared(services: Services, item: ItemRecord, one: Dooming): Promise<Fate> {
  const { records, clock, arm } = services;
  const { id, operation, owner, deleting } = one;
  const key = removingKey(id, operation);
  await records.removing.upsert(key, () => ({ format: 1, id, operation, at: clock.now() }));
  const staying = await whySharedStays(services, item, one);
  if (staying !== undefined) {
    await records.removing.delete(key);
    return staying;
  }
  await deleting();
  // First, since nothing of ours leads to them once the network is gone.
  await dropMappings(services, id);
  const sent = await remove(arm, armId(id), { machine: "shared", role: owner.role });
  return { operation: sent.operation, deleted: true };
}

/** Nothing goes to a network that is gone, nor comes back from it. What the user himself mapped stays. */
async function dropMappings({ records }: Services, network: ArmId): Promise<void> {
  for await (const { source } of records.mappings.list())
    await records.mappings.deleteIf(
      mappingKey(source),
      (row) => sameArmId(row.source, network) || (row.by === "enablement" && sameArmId(row.target, network)),
    );
}

/** Undefined when nobody else uses it, and nothing is in it. `refused` where that could not be seen, and is to be tried again. */
export async function whySharedStays(
  services: Services,
  item: ItemRecord,
  one: Ours,
): Promise<Staying | undefined> {
  const why = (await whoUses(services, item, one.id)) ?? (one.type === GROUP ? GROUP_STAYS : whatIsIn(one));
  return why === undefined ? whatIsStoredFor(services, item, one) : { why };
}

interface Staying {
  readonly why: string;
  readonly refused?: true;
}

const GROUP_STAYS =
  "a resource group is deleted with all that is in it by then, whoever put it there: delete it yourself when it is empty";

/** Others that are just being removed have their own look, and see whatever they put into it go first. */
async function whoUses({ records }: Services, item: ItemRecord, id: ArmId): Promise<string | undefined> {
  for await (const other of records.items.list()) {
    if (sameArmId(other.id, item.id) || other.state === "Disabling") continue;
    const plan = (await records.plans.get(other.machine))?.value;
    if (uses(other, plan, id)) return `${lastSegment(other.id)} uses it`;
  }
  return undefined;
}

function whatIsIn({ type, found }: Ours): string | undefined {
  const guards = type.toLowerCase() === "microsoft.network/networksecuritygroups";
  const { virtualMachines, networkInterfaces, subnets, virtualNetworkPeerings } = found.properties;
  if (virtualMachines?.length) return "there are machines in it";
  if (guards && subnets?.length) return "subnets use it";
  if (networkInterfaces?.length) return "network interfaces use it";
  if (virtualNetworkPeerings?.length) return "it is peered with another network";
  if (subnets?.some(({ properties }) => properties?.ipConfigurations?.length))
    return "something is connected to it";
  return undefined;
}

/** One that cannot be looked into is left where so much is to be left, once that was tried a few times. */
async function whatIsStoredFor(
  services: Services,
  item: ItemRecord,
  { id, type }: Ours,
): Promise<Staying | undefined> {
  if (type.toLowerCase() !== "microsoft.storage/storageaccounts") return undefined;
  try {
    const why = await whatIsStored(services, id);
    return why === undefined ? undefined : { why };
  } catch (error) {
    if (!isLeft(item, armId(id)) || !(error instanceof LeewardError)) throw error;
    return { why: `it cannot be looked into: ${error.message}`, refused: true };
  }
}

async function whatIsStored(services: Services, id: ArmId): Promise<string | undefined> {
  const { blob: endpoint } = (await getStorageAccount(services.arm, id)).properties.primaryEndpoints;
  const foreign = (await services.containersAt(endpoint)).filter((name) => name !== CONTAINER);
  if (foreign.length > 0) return `there are other containers in it, such as ${foreign[0]}`;
  for await (const { name } of services.objectsAt(endpoint).list(""))
    return `there are objects in it, such as ${name}`;
  return storedBesideBlobs(services.arm, id);
}
