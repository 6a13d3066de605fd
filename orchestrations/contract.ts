import type { OrchestrationContext, Task } from "durable-functions";
import { CATALOGUE, LeewardError } from "../engine/core/errors.ts";
import type { ArmOperation } from "../engine/azure/operation.ts";
import type { BarrierId, GroupId, MachineId, OperationId } from "../engine/core/ids.ts";
import { type Bytes, type DiskIndex, type Generation, type Millis, millis } from "../engine/core/units.ts";
import type { Consistency } from "../engine/journal/record.ts";
import type { CaptureProvider } from "../engine/recovery/capture-provider.ts";
import type { LeftThing } from "../engine/recovery/removed.ts";
import type { BuiltPart } from "../engine/recovery/cancel.ts";
import type { FailoverStep } from "../engine/recovery/failover-plan.ts";
import type { TestPart } from "../engine/recovery/test-parts.ts";
import type { WantedMoment } from "../engine/recovery/wanted-moment.ts";
import { decodeFailure } from "./failure.ts";
import type { DiskRoadActivities } from "./disk-road-contract.ts";
import type { PlanActivities } from "./recovery-plan-contract.ts";
import type { ReverseActivities } from "./reverse-contract.ts";
import type { ShutDownActivities } from "./shut-down-contract.ts";
import { sleep } from "./timer.ts";

/**
 * Every activity, by name. Inputs and outputs stand in the history for good: ids and small numbers only, never a SAS,
 * a token or a key. Every activity may run twice.
 */
export interface Activities
  extends DiskRoadActivities, ShutDownActivities, PlanActivities, ReverseActivities {
  // jobs
  /** Writes how the job ended, and with which steps, into its record and its item. */
  endJob: Does<JobEnd>;

  // the source, and what the target lacks
  checkSource: Does<Machine, SourceFacts>;
  createResourceGroup: Does<Machine, ArmSent>;
  /** Of the plan's application security groups, the one at this place. */
  createApplicationGroup: Does<Machine & { readonly at: number }, ArmSent>;
  createSecurityGroup: Does<Machine & { readonly at: number }, ArmSent>;
  /** The first network of the plan when none is named; `more` when it is to be called again. */
  createNetwork: Does<Machine & { readonly network?: number }, ArmSent & { readonly more?: boolean }>;
  createAvailabilitySet: Does<Machine, ArmSent>;
  createReplicaAccount: Does<Machine, ArmSent>;
  createCacheAccount: Does<Machine, ArmSent>;
  /** Gives the app its roles on both accounts, where it is set to. */
  assignRoles: Does<Machine>;
  /** Containers of cache and journal, and the machine's wrapped data key. */
  prepareJournal: Does<Machine>;
  /** The replica's page blobs, each with a VHD footer. */
  prepareReplica: Does<Machine>;
  /** One look at an operation. */
  pollArm: Does<{ readonly operation: ArmOperation }, ArmSent>;

  // the agent
  installAgent: Does<Machine, ArmSent>;
  installAgentByCommand: Does<Machine, ArmSent>;
  /** How the newest script on the machine went. */
  observeInstall: Does<Machine, InstallView>;
  /** Runs the script that takes the agent away. */
  removeAgent: Does<Machine, ArmSent>;
  dropAgentExtension: Does<Machine, ArmSent>;
  dropAgentCommand: Does<Machine, ArmSent>;
  observeAgent: Does<Machine, AgentView>;

  // capture by images
  /** Nothing happens while it is at work. */
  startCapture: Does<Machine>;
  /** Takes, reads or closes an image, for a few minutes. No SAS leaves it. */
  capture: Does<Machine, CaptureResult>;
  /** Records what slows capture by images, or has stopped it; the next turn clears it. */
  noteCapture: Does<Machine & { readonly problem: Problem; readonly stopped: boolean }>;

  // replication
  startReplicate: Does<Machine>;
  startPoint: Does<Machine>;
  /** Nothing happens while one is at work. */
  startCheckpoint: Does<Machine>;
  ship: Does<Machine, ShipResult>;
  cut: Does<Machine, { readonly points: number }>;
  /** Brings the replica to the newest point, for a few minutes. */
  checkpoint: Does<Machine, Turned>;
  /** Records what stops or slows replication as the item's health; without a problem it clears what was there. */
  noteHealth: Does<Machine & { readonly problem?: Problem; readonly stopped: boolean }>;

  // verification
  /** For a few minutes. Nothing is changed by it but what verification keeps for itself, and what a bad point calls for. */
  verify: Does<Machine & { readonly road: "journal" | "replica" }, VerifyResult>;
  /** Records what keeps verification from its work; the next that succeeds clears it. */
  noteVerification: Does<Machine & { readonly problem: Problem }>;

  // retention
  /** Deletes the manifests of points that the policy does not keep. */
  thin: Does<Machine, RetainResult>;
  /** Builds layers for some minutes at most; `more` when there may be more to build. */
  compact: Does<Machine, RetainResult>;
  /** Gives up and, later, deletes what no kept point needs. */
  sweep: Does<Machine, RetainResult>;
  /** Records what keeps retention from its work; the next run that comes to its end clears it. */
  noteRetention: Does<Machine & { readonly problem: Problem }>;

  // resync
  /** Offers what the agent is to compare with, or clears it away; nothing happens when neither is due. */
  tendResync: Does<Machine>;

  // recovery points
  requestBarrier: Does<Machine & { readonly barrier: BarrierId; readonly consistency: Consistency }>;
  /** `refused`: the agent will never set it, and why. */
  observePoint: Does<
    Machine & { readonly barrier: BarrierId },
    { readonly exists: boolean; readonly refused?: string }
  >;
  withdrawBarrier: Does<Machine & { readonly barrier: BarrierId }>;
  countPoints: Does<Machine, { readonly points: number }>;

  // groups
  /** Fixes members and instant, and asks each member; none when no member is protected. */
  askGroup: Does<GroupBarrier, { readonly asked: number }>;
  /** Makes the group's point once it can be made. Members before `from` were seen to be ready. */
  observeGroup: Does<Pick<GroupBarrier, "group" | "barrier"> & { readonly from?: number }, GroupView>;
  /** Has the failover of members from this one on begun, a bounded number of them; `next` is the first of the rest. */
  beginGroupFailover: Does<
    GroupJob & { readonly from: number },
    { readonly next?: number; readonly failed: number }
  >;
  /** Notes that each member's failover has begun. */
  noteGroupBegun: Does<GroupJob>;
  endGroupRound: Does<Pick<GroupBarrier, "group" | "barrier"> & { readonly end: GroupEnd }>;

  // failover
  /** Ships what the cache still gives, within a short time; a cache that is gone is no error. */
  drain: Does<Machine, { readonly reached: boolean; readonly bytes: Bytes }>;
  /** Picks the point, or the state between points that is then named by the id as well, for good, and says what is to be done. */
  planFailover: Does<
    Machine & { readonly operation: OperationId; readonly point?: BarrierId; readonly moment?: WantedMoment },
    { readonly point: BarrierId; readonly steps: readonly FailoverStep[] }
  >;
  /** Brings the replica to exactly the point, for a few minutes. */
  checkpointTo: Does<AtPoint, Turned>;
  /** Makes the replica's snapshot a blob of its own and has ARM build the disk of it. */
  importDisk: Does<DiskAtPoint, ArmSent>;
  deletePromoted: Does<DiskAtPoint>;
  createUploadDisk: Does<DiskAtPoint, ArmSent>;
  /** Rebuilds the point into the upload disks from the journal, for a few minutes, and closes them behind the last turn. Their SAS never leave it. */
  restoreDisks: Does<AtPoint, Turned>;
  /** Reads how far the old side's journal can be read, and what the failover lost. */
  readLosses: Does<Machine>;
  createNic: Does<Copy & { readonly nic: number }, ArmSent>;
  /**
   * Whether the target region would build the machine now; it fails with `TargetUnfit` and names sizes that would do. What
   * cannot be read is noted, and nothing is refused for it.
   */
  checkFit: Does<AtPoint>;
  /** Fails with `TargetUnfit`, naming sizes that would do in place of the one that was refused with these words. */
  offerSizes: Does<AtPoint & { readonly refused: string }>;
  /** Deletes the VM of an earlier try that was of another point, or of another size. */
  clearVm: Does<AtPoint, ArmSent>;
  createVm: Does<AtPoint, ArmSent>;
  observeVm: Does<Copy, { readonly running: boolean }>;
  /** One look at a machine that starts. `started`: it has all that is waited for. */
  observeBoot: Does<Copy, BootView>;
  /** Keeps the last lines of the machine's console and the addresses it has; says the last line. */
  readBoot: Does<Copy, { readonly said: string }>;
  /** Deletes a disk that an earlier try built, and the blob that it was imported from. */
  dropDisk: Does<DiskAtPoint, ArmSent>;

  // a failover that is taken back, or committed
  /** Looks what the failover built is there and is ours, notes it in the job, and says what to delete, in order. */
  planCancel: Does<Machine & { readonly operation: OperationId }, { readonly parts: readonly BuiltPart[] }>;
  /** The same of what is of no more use once the failover is committed; the replica is given up as well. */
  planCommit: Does<Machine & { readonly operation: OperationId }, { readonly parts: readonly BuiltPart[] }>;
  removeBuilt: Does<Machine & { readonly part: BuiltPart }, ArmSent>;

  // test failover
  /** Picks the point, or the state between points, for good, and says what is to be done. Replication is not touched. */
  planTest: Does<Machine & { readonly operation: OperationId }, TestPlan>;
  /** The security group that lets nothing into the isolated network, nor out of it. */
  createTestGuard: Does<Machine, ArmSent>;
  createTestNetwork: Does<Machine, ArmSent>;
  /** Looks what of the test is there and is ours, notes it in the record, and says what to delete, in order. */
  planTestCleanup: Does<
    Machine & { readonly operation: OperationId },
    { readonly parts: readonly TestPart[] }
  >;
  removeTestPart: Does<Machine & { readonly part: TestPart }, ArmSent>;

  // the end of a protection
  /** Takes the machine out of its group, and says what is still at work for it. */
  quietMachine: Does<Leaving, Quiet>;
  /** Deletes what storage holds of the machine, for a few minutes. */
  removeObjects: Does<
    Leaving & { readonly from: "journal" | "replica" | "cache" },
    { readonly more: boolean }
  >;
  /** Begins the next deletions in Azure; what stays is noted. To be called again once these are over. */
  removeResources: Does<Leaving, { readonly operations: readonly ArmOperation[]; readonly more: boolean }>;
  noteLeft: Does<Leaving & { readonly left: LeftThing }>;
  /** All records of the machine but the item's, which goes with the end of the job. */
  forgetMachine: Does<Leaving>;
}

export interface Does<Input, Output = null> {
  readonly input: Input;
  readonly output: Output;
}

export interface Machine {
  readonly machine: MachineId;
}
export interface Leaving extends Machine {
  readonly operation: OperationId;
}
/** A machine that is built in the target: the one that is failed over to or, beside it, that of a test failover. */
export interface Copy extends Machine {
  readonly test?: true;
}
export interface AtPoint extends Copy {
  readonly point: BarrierId;
}
export interface DiskAtPoint extends AtPoint {
  readonly disk: DiskIndex;
}

interface TestPlan {
  readonly point: BarrierId;
  readonly steps: readonly FailoverStep[];
}

export interface GroupBarrier {
  readonly group: GroupId;
  readonly barrier: BarrierId;
  readonly consistency: Consistency;
}

/** A failover of all members of a group. */
export interface GroupJob {
  readonly group: GroupId;
  readonly operation: OperationId;
}

/** What became of a group's barrier. */
export type GroupEnd = { readonly consistency: Consistency } | { readonly why: string };

export type GroupView =
  /** So many members, from the first on, are ready. */
  | { readonly state: "waiting"; readonly ready: number }
  /** Another run has seen to it. */
  | { readonly state: "ended" }
  | { readonly state: "made"; readonly consistency: Consistency }
  | { readonly state: "failed"; readonly why: string };

export interface SourceFacts {
  readonly capture?: CaptureProvider;
  readonly warm: boolean;
  readonly availabilitySet: boolean;
  readonly disks: number;
  readonly bytes: Bytes;
  /** How many of them the plan has; older histories lack it, and have one network. */
  readonly networks?: number;
  readonly securityGroups?: number;
  readonly applicationGroups?: number;
  /** Enablement gives the app roles on its accounts, which hold minutes later only. */
  readonly roles?: boolean;
}

/** What is still to be waited for after a call to ARM; nothing when it is finished. */
export interface ArmSent {
  readonly operation?: ArmOperation;
}

export interface BootView {
  readonly running: boolean;
  readonly started: boolean;
  /** In Azure's words. */
  readonly seen: string;
}

export interface Quiet {
  readonly atWork: readonly string[];
  /** What does not answer in the source region is left, and holds up nothing. */
  readonly lenient: boolean;
  readonly keepPoints: boolean;
}

export interface InstallView {
  readonly carrier: "extension" | "command" | "none";
  /** In Azure's words. */
  readonly state: string;
  readonly exitCode?: number;
  /** The end of what the script printed. */
  readonly said: string;
}

export interface AgentView {
  readonly registered: boolean;
  /** It is older than the one that this build rolls out. */
  readonly outdated?: boolean;
  readonly copied: boolean;
  readonly done: Bytes;
  readonly total: Bytes;
  /** Bytes a second. */
  readonly rate: Bytes;
  /** What slows the agent, or has stopped it. */
  readonly problem?: Problem & { readonly stopped: boolean };
}

interface Problem {
  readonly code: string;
  readonly message: string;
}

interface CaptureResult {
  /** `ended`: the machine is no longer replicated, and its images are gone. */
  readonly state: "going" | "ended";
  /** Until there is more to do; an event may come before. */
  readonly wait: Millis;
}

export interface ShipResult {
  /** `ended`: the machine is no longer replicated in this generation, so replication stops for good. */
  readonly state: "shipped" | "idle" | "ended";
  readonly generation: Generation;
  /** A proof has arrived, so there may be a point to cut. */
  readonly marks: boolean;
  /** More was waiting than one round ships. */
  readonly more: boolean;
  readonly checkpointDue: boolean;
}

export interface VerifyResult {
  /** `ended`: the machine is no longer replicated; `idle`: there is nothing new to compare; `more`: so far all is right. */
  readonly state: "verified" | "bad" | "idle" | "ended" | "more";
}

export interface RetainResult {
  /** `ended`: the machine is no longer replicated, and nothing was changed. */
  readonly state: "done" | "more" | "ended";
}

/** A part of what takes longer than an activity may. Null stands in older histories: it was done in one go. */
export type Turned = null | {
  readonly more: boolean;
  readonly done: Bytes;
  readonly total: Bytes;
};

export interface StepReport {
  readonly name: string;
  readonly state: "InProgress" | "Succeeded" | "Failed";
  /** ISO 8601, UTC. */
  readonly startTime: string;
  readonly endTime?: string;
}

export interface JobEnd extends Machine {
  readonly operation: OperationId;
  readonly steps: readonly StepReport[];
  readonly failure?: Problem & { readonly step: string };
}

export type ActivityName = keyof Activities;
export type InputOf<Name extends ActivityName> = Activities[Name]["input"];
export type OutputOf<Name extends ActivityName> = Activities[Name]["output"];

const minutes = (n: number) => millis(n * 60_000);

/** The waits for work that somebody waits for: soon at first, and given up after some minutes. */
const FOREGROUND: readonly Millis[] = [
  ...[1, 2, 5, 15, 30].map((s) => millis(s * 1000)),
  minutes(1),
  minutes(2),
];

/**
 * Calls an activity. A failure of class `retry` is tried again after each wait of the ladder, or as late as the other side
 * asked for; any other one, and the last, is thrown as the `LeewardError` that the activity threw.
 */
export function* call<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: InputOf<Name>,
  ladder: readonly Millis[] = FOREGROUND,
): Generator<Task, OutputOf<Name>, never> {
  for (let attempt = 0; ; attempt++) {
    const outcome = yield* attemptOnce(context, name, input);
    if ("output" in outcome) return outcome.output;
    const wait = ladder[attempt];
    if (wait === undefined || CATALOGUE[outcome.failure.code].class !== "retry") throw outcome.failure;
    yield* sleep(context, millis(Math.max(wait, outcome.failure.retryAfter ?? 0)));
  }
}

function* attemptOnce<Name extends ActivityName>(
  context: OrchestrationContext,
  name: Name,
  input: InputOf<Name>,
): Generator<Task, { output: OutputOf<Name> } | { failure: LeewardError }, OutputOf<Name>> {
  try {
    return { output: yield context.df.callActivity(name, input) };
  } catch (error) {
    return { failure: decodeFailure(error) };
  }
}
