import {
  type DurableClient,
  type DurableOrchestrationStatus,
  OrchestrationRuntimeStatus,
} from "durable-functions";
import { messageOf } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import { type ItemJob, jobInput } from "../engine/recovery/job.ts";
import type { GroupBarrier, GroupJob } from "../orchestrations/contract.ts";
import type { CaptureInput } from "../orchestrations/capture-images.ts";
import type { PlanJob } from "../orchestrations/recovery-plan-contract.ts";
import type { RecoveryPointInput } from "../orchestrations/recovery-point.ts";
import { type ReplicateInput, WAKE } from "../orchestrations/replicate.ts";

/** Names under which the orchestrations are registered. */
export const ORCHESTRATION = {
  enable: "enableProtection",
  disable: "disableProtection",
  failover: "failover",
  changePoint: "changePoint",
  commit: "commitFailover",
  cancelFailover: "cancelFailover",
  reverse: "reverseProtection",
  testFailover: "testFailover",
  testFailoverCleanup: "testFailoverCleanup",
  replicate: "replicate",
  recoveryPoint: "recoveryPoint",
  // An orchestration and an activity may not share a name.
  checkpoint: "bringReplica",
  verify: "verifyPoints",
  resync: "resync",
  groupPoint: "groupPoint",
  retain: "retainPoints",
  capture: "captureImages",
  losses: "countLosses",
  groupFailover: "groupFailover",
  recoveryPlan: "recoveryPlan",
  upgradeAgent: "upgradeAgent",
  uninstallAgent: "uninstallAgent",
} as const;

const replicateId = (machine: MachineId) => `replicate-${machine}`;
const captureId = (machine: MachineId) => `capture-${machine}`;
const pointId = (machine: MachineId) => `point-${machine}`;

const LIVE: ReadonlySet<OrchestrationRuntimeStatus> = new Set([
  OrchestrationRuntimeStatus.Pending,
  OrchestrationRuntimeStatus.Running,
  OrchestrationRuntimeStatus.ContinuedAsNew,
  OrchestrationRuntimeStatus.Suspended,
]);

/** Undefined when the task hub knows no such instance. */
export async function statusOf(
  client: DurableClient,
  instance: string,
): Promise<DurableOrchestrationStatus | undefined> {
  try {
    return await client.getStatus(instance);
  } catch (error) {
    // The library has no type for it, only its text.
    if (messageOf(error).includes("replied with HTTP 404")) return undefined;
    throw error;
  }
}

const isLive = (status: DurableOrchestrationStatus | undefined): boolean =>
  status !== undefined && LIVE.has(status.runtimeStatus);

/** Starts the job's orchestration unless the task hub knows it: one job runs once, however often it is asked for. */
export async function ensureJob(client: DurableClient, job: ItemJob): Promise<void> {
  const instance = job.operation;
  if (await statusOf(client, instance)) return;
  await startOnce(client, ORCHESTRATION[job.kind], instance, jobInput(job));
}

/** Starts the run of a recovery plan, unless the task hub knows it. */
export async function ensurePlan(client: DurableClient, job: PlanJob): Promise<void> {
  if (await statusOf(client, job.operation)) return;
  await startOnce(client, ORCHESTRATION.recoveryPlan, job.operation, job);
}

export async function ensureReplicate(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.replicate, replicateId(machine), { machine } satisfies ReplicateInput);
}

/** Asks for a recovery point unless one is on its way. */
export async function ensurePoint(client: DurableClient, input: RecoveryPointInput): Promise<void> {
  await ensure(client, ORCHESTRATION.recoveryPoint, pointId(input.machine), input);
}

/** Asks for a common point of the group unless one is on its way. */
export async function ensureGroupPoint(client: DurableClient, input: GroupBarrier): Promise<void> {
  await ensure(client, ORCHESTRATION.groupPoint, `group-${input.group}`, input);
}

/** Has the failovers of a group's members begin, unless that is under way. */
export async function ensureGroupFailover(client: DurableClient, job: GroupJob): Promise<void> {
  await ensure(client, ORCHESTRATION.groupFailover, `group-failover-${job.operation}`, job);
}

/** Brings the replica to the newest point, unless that is under way. */
export async function ensureCheckpoint(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.checkpoint, `checkpoint-${machine}`, { machine });
}

/** Compares what is there with what the source had, unless that is under way. */
export async function ensureVerify(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.verify, `verify-${machine}`, { machine });
}

/** Thins points, builds layers and deletes what nothing needs any more, unless that is under way. */
export async function ensureRetain(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.retain, `retain-${machine}`, { machine });
}

/** Captures the machine by images of its disks, unless that is under way. */
export async function ensureCapture(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.capture, captureId(machine), { machine } satisfies CaptureInput);
}

/** Has capture by images look at once for what is wanted; nothing happens when it is not running. */
export async function wakeCapture(client: DurableClient, machine: MachineId): Promise<void> {
  const instance = captureId(machine);
  if (isLive(await statusOf(client, instance))) await client.raiseEvent(instance, WAKE, {});
}

/** Does what is to be done for the machine's comparison, unless that is under way. */
export async function ensureResync(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.resync, `resync-${machine}`, { machine });
}

/** Looks what the machine's failover lost, unless that is under way. */
export async function ensureLosses(client: DurableClient, machine: MachineId): Promise<void> {
  await ensure(client, ORCHESTRATION.losses, `losses-${machine}`, { machine });
}

/** Has the machine's replication go on at once; nothing happens when it is not running. */
export async function wakeReplicate(client: DurableClient, machine: MachineId): Promise<void> {
  const instance = replicateId(machine);
  if (isLive(await statusOf(client, instance))) await client.raiseEvent(instance, WAKE, {});
}

/** What is at work for the machine, besides its job, by the names of the instances. */
export async function workOf(client: DurableClient, machine: MachineId): Promise<string[]> {
  const all = [replicateId(machine), pointId(machine), ...OF_MACHINE.map((name) => `${name}-${machine}`)];
  const states = await Promise.all(all.map(async (id) => ((await isAtWork(client, id)) ? [id] : [])));
  return states.flat();
}

const OF_MACHINE = ["capture", "checkpoint", "verify", "retain", "resync", "losses"];

export const isAtWork = async (client: DurableClient, instance: string): Promise<boolean> =>
  isLive(await statusOf(client, instance));

/** One instance of this id at a time: nothing happens while one is live. */
async function ensure(client: DurableClient, name: string, instance: string, input: unknown): Promise<void> {
  if (isLive(await statusOf(client, instance))) return;
  await startOnce(client, name, instance, input);
}

/** Of two that start the same instance at the same time, the host refuses one: it runs, which is what both wanted. */
async function startOnce(
  client: DurableClient,
  name: string,
  instance: string,
  input: unknown,
): Promise<void> {
  try {
    await client.startNew(name, { instanceId: instance, input });
  } catch (error) {
    if (!(await statusOf(client, instance))) throw error;
  }
}
