import { createHash } from "node:crypto";
import { getStorageAccount } from "../../engine/azure/storage-account.ts";
import { vhdFooter } from "../../engine/azure/vhd-footer.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { type ItemRecord, endpointOf, itemKeyOf, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import { createReplica } from "../../engine/replication/replica.ts";
import type { Services } from "../services.ts";
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
    const pages = services.pagesAt(endpointOf(replica));
    for (const disk of sourceOf(item).disks)
      await createReplica(pages, machine, disk, vhdFooter(disk.size, uniqueId(`${machine}/${disk.index}`)));
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

/** The disk's id in its footer: fixed, so that a second run writes the same bytes. */
export const uniqueId = (name: string): Buffer => createHash("sha256").update(name).digest().subarray(0, 16);
