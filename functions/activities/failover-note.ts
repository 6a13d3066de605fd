import type { MachineId } from "../../engine/core/ids.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import type { Services } from "../services.ts";

/** Writes down what somebody should know of the failover although it goes on; once, however often it is said. */
export async function note({ records }: Services, machine: MachineId, words: string): Promise<void> {
  await records.items.update(itemKeyOf(machine), (old) => {
    if (!old.failover) return old;
    const notes = [...new Set([...(old.failover.notes ?? []), words])];
    return { ...old, failover: { ...old.failover, notes } };
  });
}
