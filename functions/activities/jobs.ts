import { type FailoverReport, type ItemRecord, itemKeyOf, move } from "../../engine/recovery/item.ts";
import type { JobRecord } from "../../engine/recovery/job.ts";
import type { Micros } from "../../engine/core/units.ts";
import type { JobEnd } from "../../orchestrations/contract.ts";
import type { Implementations } from "./tools.ts";

export const jobActivities = {
  async endJob(end, { services }) {
    const { machine, operation, steps, failure } = end;
    const now = services.clock.now();
    // The item first: a job that has ended has its outcome in its item.
    const item = await services.records.items.update(itemKeyOf(machine), (old) => ended(old, end, now));
    const outcome = outcomeOf(item, end);
    await services.records.jobs.update(operation, (old) =>
      old.state === "InProgress"
        ? {
            ...old,
            state: failure ? "Failed" : "Succeeded",
            endTime: now,
            steps: [...steps],
            failure,
            outcome,
          }
        : old,
    );
    return null;
  },
} satisfies Partial<Implementations>;

/** A second run finds the item moved on and leaves it as it is. */
function ended(item: ItemRecord, end: JobEnd, now: Micros): ItemRecord {
  if (item.job.operation !== end.operation || item.job.ended) return item;
  const { failure: _, ...rest } = item;
  const job = { ...item.job, ended: true };
  const enabling = item.job.kind === "enable";
  if (end.failure) {
    const failed = move(rest, enabling ? "enableFailed" : "failoverFailed");
    return { ...failed, job, failure: end.failure };
  }
  if (enabling) return { ...move(rest, "protected"), job };
  return { ...move(rest, "failedOver"), job, failover: item.failover && report(item.failover, end, now) };
}

const report = (begun: FailoverReport, end: JobEnd, now: Micros): FailoverReport => ({
  ...begun,
  endTime: now,
  rtoSeconds: (now - begun.startTime) / 1e6,
  steps: [...end.steps],
});

/** What the failover of this job came to. */
function outcomeOf({ failover }: ItemRecord, { operation }: JobEnd): JobRecord["outcome"] {
  if (failover?.operation !== operation) return undefined;
  const { point, announced, losses } = failover;
  return { point, sequence: announced.after, losses, announced };
}
