import { cancelled } from "../../engine/recovery/cancel.ts";
import { type FailoverReport, type ItemRecord, itemKeyOf, move } from "../../engine/recovery/item.ts";
import { type JobRecord, isFailover } from "../../engine/recovery/job.ts";
import type { ItemEvent } from "../../engine/recovery/state.ts";
import type { Micros } from "../../engine/core/units.ts";
import { withTestEnded } from "../../engine/recovery/test-failover.ts";
import type { JobEnd } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import type { Implementations } from "./tools.ts";

export const jobActivities = {
  async endJob(end, { services }) {
    const { machine, operation, steps, failure } = end;
    const now = services.clock.now();
    const { records } = services;
    if (!failure && (await records.jobs.get(operation))?.value.kind === "disable")
      return endRemoval(services, end, now);
    // The item first: a job that has ended has its outcome in its item.
    const item = await services.records.items.update(itemKeyOf(machine), (old) =>
      withTestEnded(ended(old, end, now), end, now),
    );
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
            ...(outcome && item.failover?.passedOver && { passedOver: item.failover.passedOver }),
            ...testOutcome(old, item),
          }
        : old,
    );
    return null;
  },
} satisfies Partial<Implementations>;

/**
 * The job first, since with the item goes whatever would have it run again. A second run may find the item enabled anew: that is
 * another one.
 */
async function endRemoval({ records }: Services, end: JobEnd, now: Micros): Promise<null> {
  const { machine, operation, steps } = end;
  await records.jobs.update(operation, (old) =>
    old.state === "InProgress" ? { ...old, state: "Succeeded", endTime: now, steps: [...steps] } : old,
  );
  await records.items.deleteIf(
    itemKeyOf(machine),
    (item) => item.machine === machine && item.job.operation === operation,
  );
  return null;
}

/** A second run finds the item moved on and leaves it as it is. */
function ended(item: ItemRecord, end: JobEnd, now: Micros): ItemRecord {
  if (item.job.operation !== end.operation || item.job.ended) return item;
  const { failure: _, ...rest } = item;
  const job = { ...item.job, ended: true };
  const [succeeded, failed] = EVENTS[job.kind];
  if (end.failure) return { ...(failed ? move(rest, failed) : rest), job, failure: end.failure };
  if (job.kind === "cancelFailover") return { ...cancelled(rest, now), job };
  const moved = succeeded ? move(rest, succeeded) : rest;
  if (!isFailover(job.kind)) return { ...moved, job };
  return { ...moved, job, failover: item.failover && report(item.failover, end, now) };
}

/** What becomes of the item when its job ends well, and otherwise; nothing where none is named. */
const EVENTS: Record<ItemRecord["job"]["kind"], readonly [succeeded?: ItemEvent, failed?: ItemEvent]> = {
  enable: ["protected", "enableFailed"],
  failover: ["failedOver", "failoverFailed"],
  changePoint: ["failedOver", "failoverFailed"],
  commit: ["committed", "commitFailed"],
  cancelFailover: ["cancelled", "cancelFailed"],
  disable: [undefined, "disableFailed"],
  upgradeAgent: [],
  reverse: ["protected", "reverseFailed"],
};

const report = (begun: FailoverReport, end: JobEnd, now: Micros): FailoverReport => ({
  ...begun,
  endTime: now,
  rtoSeconds: (now - begun.startTime) / 1e6,
  steps: [...end.steps],
});

/** What the failover of this job came to. */
function outcomeOf({ failover }: ItemRecord, { operation }: JobEnd): JobRecord["outcome"] {
  if (failover?.operation !== operation) return undefined;
  const { point, announced, losses, fit, notes, nics, boot } = failover;
  return { point, sequence: announced.after, losses, announced, build: { fit, notes, nics, boot } };
}

/** How long the test took, if this was the job that made it. */
function testOutcome({ test, operation }: JobRecord, item: ItemRecord): Pick<JobRecord, "test"> {
  const made = [item.test, item.formerTest].find((each) => each?.operation === operation);
  return test && made?.rtoSeconds !== undefined ? { test: { ...test, rtoSeconds: made.rtoSeconds } } : {};
}
