import type { OperationId } from "../../engine/core/ids.ts";
import type { Removed } from "../../engine/recovery/removed.ts";
import type { Services } from "../services.ts";

/** Changes the list of what a removal deletes and leaves, in the record of its job. */
export async function noteRemoved(
  { records }: Pick<Services, "records">,
  operation: OperationId,
  change: (old: Removed | undefined) => Removed,
): Promise<void> {
  await records.jobs.update(operation, (old) => {
    const removed = change(old.removed);
    return removed === old.removed ? old : { ...old, removed };
  });
}
