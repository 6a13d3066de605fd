import type { Known } from "../../engine/recovery/health.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import type { Services } from "../services.ts";

/** Everything that an item's health is judged by, read anew. */
export async function knownOf({ records }: Pick<Services, "records">, item: ItemRecord): Promise<Known> {
  const { machine } = item;
  const [agent, progress, verification, retention, healing, barriers, lost] = await Promise.all([
    records.agents.get(machine),
    records.progress.get(machine),
    records.verification.get(machine),
    records.retention.get(machine),
    records.healing.get(machine),
    records.barriers.get(machine),
    records.lost.get(machine),
  ]);
  return {
    item,
    agent: agent?.value,
    progress: progress?.value,
    verification: verification?.value,
    retention: retention?.value,
    healing: healing?.value,
    barriers: barriers?.value,
    lost: lost?.value,
  };
}
