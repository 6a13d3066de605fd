import type { ItemRecord } from "../../engine/recovery/item.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import type { JobKind, JobRecord } from "../../engine/recovery/job.ts";
import type { Services } from "../services.ts";

/** The item that the job is of, if it is there still. */
export async function itemOfJob(
  { records }: Pick<Services, "records">,
  { machine }: JobRecord,
): Promise<ItemRecord | undefined> {
  const found = machine && (await records.items.get(itemKeyOf(machine)))?.value;
  return found && found.machine === machine ? found : undefined;
}

/** What a client may do with a job now, in ASR's words. */
export async function actionsOf(services: Pick<Services, "records">, job: JobRecord): Promise<string[]> {
  if (
    job.kind === "configure" ||
    job.kind === "recoveryPlan" ||
    job.kind === "groupFailover" ||
    job.state === "Succeeded"
  )
    return [];
  const item = await itemOfJob(services, job);
  return [
    ...(notCancellable(job, item) === undefined ? ["Cancel"] : []),
    ...(notRestartable(job, item) === undefined ? ["Restart"] : []),
  ];
}

/** Why it cannot be stopped on its way; undefined when it can. */
export function notCancellable(job: JobRecord, item: ItemRecord | undefined): string | undefined {
  if (job.state !== "InProgress") return `it has ended (${job.state})`;
  if (job.kind === "enable" || job.kind === "reverse")
    return item?.state === "InitialReplication" && item.job.operation === job.operation
      ? undefined
      : "what it makes in Azure is being made; it can be once the first copy goes on";
  return WHY_NOT[job.kind];
}

const WHY_NOT: Record<Exclude<JobKind, "enable" | "reverse">, string> = {
  failover:
    "a failover that is half done is neither here nor there; take it back behind its end (failoverCancel)",
  groupFailover: "its members are failed over one by one, each by a job of its own",
  cancelFailover: "what the failover built is being deleted",
  disable: "what is deleted cannot be had back",
  upgradeAgent: "the machine is being written to; replication goes on meanwhile",
  testFailover: "it ends within minutes; clean it up then (testFailoverCleanup)",
  testFailoverCleanup: "what the test built is being deleted",
  changePoint:
    "a failover that is half done is neither here nor there; take it back behind its end (failoverCancel)",
  commit: "what is deleted cannot be had back",
  recoveryPlan: "its machines are failed over by jobs of their own, which go on",
  configure: "it is done",
};

/** Why it cannot be begun again; undefined when it can. */
export function notRestartable(job: JobRecord, item: ItemRecord | undefined): string | undefined {
  if (job.state !== "Failed") return `it has not failed (${job.state})`;
  if (job.kind === "groupFailover") return "fail the group over again";
  if (job.kind === "recoveryPlan") return "run the plan again: what was done is passed over";
  if (!item) return "its item is gone";
  const newest = isTest(job) ? item.test?.job.operation : item.job.operation;
  return newest === job.operation ? undefined : "something else was begun since";
}

export const isTest = ({ kind }: JobRecord): boolean =>
  kind === "testFailover" || kind === "testFailoverCleanup";
