import { toIso } from "../engine/core/clock.ts";
import { micros } from "../engine/core/units.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import type { JobRecord } from "../engine/recovery/job.ts";
import { eachMember } from "./members.ts";
import type { Services } from "./services.ts";

/** A group's job as its members' jobs make it; any other as it is. One read for each member. */
export async function settledJob(records: Services["records"], job: JobRecord): Promise<JobRecord> {
  if (!job.members) return job;
  const members = await eachMember(job.members, async ({ item, operation }) => ({
    item,
    found: (await records.jobs.get(operation))?.value,
  }));
  const steps = members.map(({ item, found }) => ({
    name: lastSegment(item),
    state: found?.state ?? ("InProgress" as const),
    startTime: toIso(found?.startTime ?? job.startTime),
    ...(found?.endTime !== undefined && { endTime: toIso(found.endTime) }),
  }));
  if (steps.some(({ state }) => state === "InProgress")) return { ...job, steps };
  const endTime = micros(Math.max(...members.map(({ found }) => found?.endTime ?? job.startTime)));
  const failed = members.find(({ found }) => found?.state === "Failed");
  const failure = failed?.found?.failure;
  return {
    ...job,
    steps,
    endTime,
    state: failed ? "Failed" : "Succeeded",
    ...(failed &&
      failure && { failure: { ...failure, step: `${lastSegment(failed.item)}: ${failure.step}` } }),
  };
}
