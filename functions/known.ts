import type { GroupRecord } from "../engine/recovery/group.ts";
import type { Known } from "../engine/recovery/health.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import type { ReadinessRecord } from "../engine/recovery/readiness.ts";
import type { Services } from "./services.ts";

/** All records of a machine, read now. */
interface AllKnown {
  readonly known: Known;
  readonly group: GroupRecord | undefined;
  readonly readiness: ReadinessRecord | undefined;
}

export async function readKnown({ records }: Pick<Services, "records">, item: ItemRecord): Promise<AllKnown> {
  const { machine } = item;
  const [agent, progress, verification, retention, healing, barriers, lost, readiness, group] =
    await Promise.all([
      records.agents.get(machine),
      records.progress.get(machine),
      records.verification.get(machine),
      records.retention.get(machine),
      records.healing.get(machine),
      records.barriers.get(machine),
      records.lost.get(machine),
      records.readiness.get(machine),
      item.group === undefined ? undefined : records.groups.get(item.group),
    ]);
  const known = {
    item,
    agent: agent?.value,
    progress: progress?.value,
    verification: verification?.value,
    retention: retention?.value,
    healing: healing?.value,
    barriers: barriers?.value,
    lost: lost?.value,
  };
  return { known, readiness: readiness?.value, group: group?.value };
}

/** What an item's health is judged by. */
export const knownOf = async (services: Pick<Services, "records">, item: ItemRecord): Promise<Known> =>
  (await readKnown(services, item)).known;
