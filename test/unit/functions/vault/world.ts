import { armId } from "../../../../engine/core/ids.ts";
import { type ItemRecord, itemKey, machineIdFor } from "../../../../engine/recovery/item.ts";
import { recordsIn } from "../../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../../engine/storage/memory.ts";
import { NOW, VAULT, protectedItem } from "../../engine/recovery/fixture.ts";

/** Records in memory, for what reads and writes records alone. */
export function vaultWorld() {
  let now = NOW;
  const services = {
    records: recordsIn(new MemoryRecordStore()),
    clock: { now: () => now, sleep: async () => undefined },
  };
  return { services, records: services.records, later: (to: typeof NOW) => (now = to) };
}
export type VaultWorld = ReturnType<typeof vaultWorld>;

/** An id in the vault, as in `replicationPolicies/Day`. */
export const inVault = (path: string) => armId(`${VAULT}/${path}`);

export const fabric = (name: string) => inVault(`replicationFabrics/${name}`);
export const container = (at: string, name: string) =>
  armId(`${fabric(at)}/replicationProtectionContainers/${name}`);

/** A protected machine in this container, with what else is said of it. */
export async function addItem(
  { records }: VaultWorld,
  name: string,
  more: Partial<ItemRecord> = {},
): Promise<ItemRecord> {
  const id = armId(`${container("West", "Shop")}/replicationProtectedItems/${name}`);
  const item = { ...protectedItem(), id, machine: machineIdFor(id, id, "first"), ...more };
  await records.items.create(itemKey(id), item);
  return item;
}

export const itemAt = async ({ records }: VaultWorld, { id }: ItemRecord): Promise<ItemRecord | undefined> =>
  (await records.items.get(itemKey(id)))?.value;
