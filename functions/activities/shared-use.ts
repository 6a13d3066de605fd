import { LeewardError } from "../../engine/core/errors.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import { uses } from "../../engine/recovery/removing.ts";
import type { Services } from "../services.ts";

/**
 * What the machine shares with others must not be on its way out. Only behind the write that says what it uses: a removal that
 * begins later sees that. @throws ArmUnavailable
 */
export async function checkNotRemoved(
  { records }: Pick<Services, "records">,
  item: ItemRecord,
): Promise<void> {
  const plan = (await records.plans.get(item.machine))?.value;
  for await (const { id, operation } of records.removing.list()) {
    if (!uses(item, plan, id)) continue;
    // A mark whose job has failed means nothing any more: what is there is found, and what is gone is made.
    if ((await records.jobs.get(operation))?.value.state !== "InProgress") continue;
    throw new LeewardError("ArmUnavailable", `${id} is just being deleted by job ${operation}`);
  }
}
