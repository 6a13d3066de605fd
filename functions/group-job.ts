import { toIso } from "../engine/core/clock.ts";
import { hasCode, messageOf } from "../engine/core/errors.ts";
import { micros } from "../engine/core/units.ts";
import { groupIdFor } from "../engine/recovery/group.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import type { JobRecord } from "../engine/recovery/job.ts";
import type { FailoverMember } from "../engine/recovery/member-list.ts";
import { begunMembers, failoverMembers } from "./failover-members.ts";
import { eachMember } from "./members.ts";
import type { Services } from "./services.ts";

/** So many members are named in a job: those that failed first, then those at work. */
const MOST_NAMED = 100;

/**
 * A group's job as its members' jobs make it; any other as it is. One read for each member while one of them is at work; what they
 * came to is written down, and then nothing more is read.
 */
export async function settledJob(services: Services, job: JobRecord): Promise<JobRecord> {
  if (job.kind !== "groupFailover" || job.state !== "InProgress") return job;
  const { operation, point } = job;
  const group = groupIdFor(job.item);
  try {
    const members = await failoverMembers(services, { group, operation, point });
    const seen = summed(job, await withJobs(services, members));
    return seen.state === "InProgress" ? seen : await settle(services, seen);
  } catch (error) {
    if (!hasCode(error, "MembersLost")) throw error;
    return endLost(services, job, messageOf(error));
  }
}

/** Whoever settled it first is right. */
const settle = ({ records }: Services, seen: JobRecord): Promise<JobRecord> =>
  records.jobs.update(seen.operation, (old) => (old.state === "InProgress" ? seen : old));

/**
 * Nobody can say any more when it will have ended: it ends now, as failed, and its group is free for the next one. What has begun goes
 * on, each in its own job.
 */
async function endLost(services: Services, job: JobRecord, why: string): Promise<JobRecord> {
  const group = groupIdFor(job.item);
  const begun = await begunMembers(services, { group, operation: job.operation });
  const names = begun.map(({ item }) => lastSegment(item)).slice(0, MOST_NAMED);
  const which = names.length > 0 ? `begun are those of ${names.join(", ")}` : "none is known to have begun";
  return settle(services, {
    ...summed(job, await withJobs(services, begun)),
    state: "Failed",
    endTime: services.clock.now(),
    failure: { code: "MembersLost", message: `${why}; of its members' failovers ${which}`, step: "members" },
  });
}

type Seen = FailoverMember & { readonly found: JobRecord | undefined };

const withJobs = ({ records }: Services, members: readonly FailoverMember[]): Promise<Seen[]> =>
  eachMember(members, async (member) => ({
    ...member,
    found: (await records.jobs.get(member.operation))?.value,
  }));

const stateOf = ({ found }: Seen): JobRecord["state"] => found?.state ?? "InProgress";

function summed(job: JobRecord, members: readonly Seen[]): JobRecord {
  const inState = (state: JobRecord["state"]) => members.filter((one) => stateOf(one) === state);
  const [failed, atWork, done] = [inState("Failed"), inState("InProgress"), inState("Succeeded")];
  const named = new Set([...failed, ...atWork, ...done].slice(0, MOST_NAMED));
  const steps = members.filter((one) => named.has(one)).map((one) => stepOf(job, one));
  const settled = { ...job, steps, settled: { succeeded: done.length, failed: failed.length } };
  if (atWork.length > 0) return settled;
  const endTime = micros(
    members.reduce((end: number, { found }) => Math.max(end, found?.endTime ?? 0), job.startTime),
  );
  const [first] = failed;
  const failure = first?.found?.failure;
  return {
    ...settled,
    endTime,
    state: first ? "Failed" : "Succeeded",
    ...(first && failure && { failure: { ...failure, step: `${lastSegment(first.item)}: ${failure.step}` } }),
  };
}

const stepOf = ({ startTime }: JobRecord, member: Seen): JobRecord["steps"][number] => ({
  name: lastSegment(member.item),
  state: stateOf(member),
  startTime: toIso(member.found?.startTime ?? startTime),
  ...(member.found?.endTime !== undefined && { endTime: toIso(member.found.endTime) }),
});
