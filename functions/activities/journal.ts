import { getStorageAccount } from "../../engine/azure/storage-account.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { type ItemRecord, endpointOf, itemKeyOf, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import type { Services } from "../services.ts";
import { createReplicas } from "./replicas.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const journalActivities = {
  async prepareJournal({ machine }, { services }) {
    const item = await withEndpoints(services, await itemOf(services, machine));
    const { cache, replica } = targetOf(item);
    await services.objectsAt(endpointOf(cache)).ensureContainer();
    if (replica) await services.pagesAt(endpointOf(replica)).ensureContainer();
    await services.keyOf(machine);
    return null;
  },

  async prepareReplica({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const { replica } = targetOf(item);
    if (!replica) return null;
    await createReplicas(services.pagesAt(endpointOf(replica)), machine, sourceOf(item).disks);
    return null;
  },
} satisfies Partial<Implementations>;

/** The accounts exist now, so ARM can say where they are reached. */
async function withEndpoints(services: Services, item: ItemRecord): Promise<ItemRecord> {
  const { cache, replica } = targetOf(item);
  const known = async ({ id }: { id: ArmId }) => {
    const { properties } = await getStorageAccount(services.arm, id);
    return { id, blobEndpoint: properties.primaryEndpoints.blob };
  };
  const accounts = { cache: await known(cache), ...(replica && { replica: await known(replica) }) };
  return services.records.items.update(itemKeyOf(item.machine), (old) => ({
    ...old,
    target: { ...targetOf(old), ...accounts },
  }));
}
