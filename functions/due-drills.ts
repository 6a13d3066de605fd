import type { DurableClient } from "durable-functions";
import {
  drillDue,
  drillEnded,
  isDrilling,
  nextDrill,
  takesRoom,
  withDrillCleanup,
  withDueDrill,
} from "../engine/recovery/drill.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { beginJob } from "./begin.ts";
import type { Services } from "./services.ts";

/**
 * So many at a time begin by themselves: each takes of the region's quota what a failover takes, and a policy may ask for those
 * of a thousand machines at once.
 */
const AT_ONCE = 5;

/** Begins the clean-up of a drill that was made. May run any number of times. */
export async function tendDrill(services: Services, client: DurableClient, item: ItemRecord): Promise<void> {
  const now = services.clock.now();
  if (drillEnded(item, now)) await beginJob(services, client, item, (old) => withDrillCleanup(old, now));
}

/** Whether the machine counts where it is decided which drills begin. */
export const countsForDrills = ({ clock }: Pick<Services, "clock">, item: ItemRecord): boolean =>
  isDrilling(item) || drillDue(item, clock.now());

/**
 * Begins drills that are due, those first that have waited longest.
 * @param items all machines that count
 * @throws AggregateError naming why some could not begin; the others have
 */
export async function beginDrills(
  services: Services,
  client: DurableClient,
  items: readonly ItemRecord[],
): Promise<void> {
  let room = AT_ONCE - items.filter(takesRoom).length;
  const failures: unknown[] = [];
  for (const item of items.filter((one) => !isDrilling(one)).toSorted((a, b) => dueAt(a) - dueAt(b))) {
    if (room <= 0) break;
    const begun = await beginDue(services, client, item).catch((error: unknown) => {
      failures.push(error);
      return false;
    });
    if (begun) room--;
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} drills could not begin`);
}

const dueAt = (item: ItemRecord): number => nextDrill(item) ?? Infinity;

/** Without a recovery point there is nothing to build. */
async function beginDue(services: Services, client: DurableClient, item: ItemRecord): Promise<boolean> {
  const progress = await services.records.progress.get(item.machine);
  if (!progress?.value.point) return false;
  const now = services.clock.now();
  return isDrilling(await beginJob(services, client, item, (old) => withDueDrill(old, now)));
}
