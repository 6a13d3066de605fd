import { toIso } from "../engine/core/clock.ts";
import { micros } from "../engine/core/units.ts";
import { groupIdFor } from "../engine/recovery/group.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import type { JobRecord } from "../engine/recovery/job.ts";
import type { FailoverMember } from "../engine/recovery/member-list.ts";
import { failoverMembers } from "./failover-members.ts";
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
  const { records } = services;
  const { operation, point } = job;
  const list = await failoverMembers(services, { group: groupIdFor(job.item), operation, point });
  const members = await eachMember(list, async (member) => ({
    ...member,
    found: (await records.jobs.get(member.operation))?.value,
  }));
  const seen = summed(job, members);
  return seen.state === "InProgress"
    ? seen
    : records.jobs.update(job.operation, (old) => (old.state === "InProgress" ? seen : old));
}

type Seen = FailoverMember & { readonly found: JobRecord | undefined };

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
