import type { LeewardItem, ProtectedItem } from "../engine/contract/protected-item.ts";
import { isOutdated } from "../engine/contract/agent-version.ts";
import { toIso } from "../engine/core/clock.ts";
import type { Micros } from "../engine/core/units.ts";
import { type AgentRecord, type Heartbeat, reportedBy } from "../engine/recovery/agent-record.ts";
import type { GroupRecord } from "../engine/recovery/group.ts";
import { drillErrors } from "../engine/recovery/drill.ts";
import { type HealthError, type Known, healthOf } from "../engine/recovery/health.ts";
import { guestBytes } from "../engine/recovery/guest-writes.ts";
import {
  type FailoverReport,
  type ItemRecord,
  isOver,
  lastSegment,
  vaultOf,
} from "../engine/recovery/item.ts";
import { liveLosses } from "../engine/recovery/losses.ts";
import { scenarioOf } from "./scenario.ts";
import { STATES } from "../engine/recovery/state.ts";
import { watermarks } from "../engine/recovery/watermarks.ts";
import type { JobStatus } from "../orchestrations/job-status.ts";
import { allowedHere } from "./allowed-here.ts";
import { buildView } from "./build-view.ts";
import { drillView } from "./drill-view.ts";
import type { DurableCall } from "./http.ts";
import { jobStatusOf } from "./job-status.ts";
import { lagBehind, marksView } from "./marks-view.ts";
import { lostView } from "./lost-view.ts";
import { healthError } from "./health-view.ts";
import { historyOf, placesOf } from "./item-envelope.ts";
import { readKnown } from "./known.ts";
import { stateWords } from "./state-words.ts";
import { undismissed } from "../engine/recovery/dismissed.ts";
import { providerDetails } from "./provider-details.ts";
import { readinessErrors } from "../engine/recovery/readiness.ts";
import { readinessView } from "./readiness-view.ts";
import { retentionOf } from "./retention-view.ts";
import { resyncOf } from "./resync-view.ts";
import { formerTestView, testView, testWords } from "./test-view.ts";
import { verificationOf } from "./verification-view.ts";

const TYPE =
  "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectedItems";

/** The item as the API shows it: everything read fresh from the records, and from its job while one is at work. */
export async function viewItem({ services, client }: DurableCall, item: ItemRecord): Promise<ProtectedItem> {
  const [{ known, group, readiness }, job, testJob] = await Promise.all([
    readKnown(services, item),
    item.job.ended ? undefined : jobStatusOf(client, item.job.operation),
    item.test && !item.test.job.ended ? jobStatusOf(client, item.test.job.operation) : undefined,
  ]);
  const now = services.clock.now();
  const errors = undismissed(item, healthOf(known, now));
  const unready = [...readinessErrors(item, readiness), ...drillErrors(item)];
  const words = stateWords(item.state);
  return {
    id: item.id,
    name: lastSegment(item.id),
    type: TYPE,
    properties: {
      friendlyName: lastSegment(item.vmId),
      ...placesOf(item),
      protectionState: words.state,
      protectionStateDescription: words.description,
      activeLocation: isOver(item) ? "Recovery" : "Primary",
      ...testWords(item),
      allowedOperations: allowedHere(services, item),
      replicationHealth: overall(item, errors),
      failoverHealth: worst(unready),
      healthErrors: [
        ...errors.map((error) => healthError(item, error, "Replication")),
        ...unready.map((error) => healthError(item, error, "FailoverReadiness")),
      ],
      policyId: item.policyId ?? null,
      ...historyOf(item),
      currentScenario: scenario(item),
      failoverRecoveryPointId: recoveryPointOf(item),
      recoveryContainerId: item.recoveryContainerId ?? null,
      providerSpecificDetails: providerDetails(known, now, job, { group, readiness }),
      leeward: {
        ...leewardOf(known, now, job, group),
        test: testView(item, testJob),
        formerTest: formerTestView(item),
        drill: drillView(item),
        readiness: readiness ? readinessView(readiness) : null,
      },
    },
  };
}

/** A failover to a state between points has none. */
const recoveryPointOf = ({ id, failover }: ItemRecord): string | null =>
  failover && !failover.moment ? `${id}/recoveryPoints/${failover.point}` : null;

function overall(
  item: ItemRecord,
  errors: readonly HealthError[],
): "None" | "Normal" | "Warning" | "Critical" {
  if (errors.length > 0) return worst(errors);
  return STATES[item.state].replicating ? "Normal" : "None";
}

function worst(errors: readonly HealthError[]): "Normal" | "Warning" | "Critical" {
  if (errors.length === 0) return "Normal";
  return errors.some(({ level }) => level === "Error") ? "Critical" : "Warning";
}

/** ASR's figures for "no job": the name None, and the year 1753. */
function scenario(item: ItemRecord) {
  const jobs = `${vaultOf(item.id)}/replicationJobs`;
  const job = [item.job, item.test?.job].find((each) => each?.ended === false);
  if (!job) return { scenarioName: "None", jobId: `${jobs}/None`, startTime: "1753-01-01T01:01:01Z" };
  const [scenarioName] = scenarioOf(job);
  return { scenarioName, jobId: `${jobs}/${job.operation}`, startTime: toIso(job.startTime) };
}

function leewardOf(
  known: Known,
  now: Micros,
  job: JobStatus | undefined,
  group: GroupRecord | undefined,
): Omit<LeewardItem, "readiness" | "test" | "formerTest" | "drill"> {
  const { item, agent, progress, verification } = known;
  const live = item.state === "Protected" || item.state === "InitialReplication";
  const { point } = progress ?? {};
  return {
    machine: item.machine,
    state: item.state,
    generation: item.generation,
    losses: (live && progress && liveLosses(now, progress, reportedBy(agent))) || null,
    watermarks: marksView(watermarks(agent, progress, verification)),
    policy: item.policy,
    progress: progressOf(known, job),
    agent: agentOf(known),
    shipped: progress?.shipped ?? { segments: 0, objects: 0, bytes: 0 },
    verification: verificationOf(item, verification),
    resync: resyncOf(known),
    retention: retentionOf(known.retention),
    group: group ? { id: group.id, name: lastSegment(group.id) } : null,
    latestPoint: point ? { id: point.id, time: toIso(point.time), sequence: point.sequence } : null,
    failover: item.failover ? failoverOf(known, item.failover) : null,
  };
}

function progressOf({ agent }: Known, job: JobStatus | undefined): LeewardItem["progress"] {
  const beat = agent?.heartbeat;
  const copies = beat?.mode === "initial-copy" || beat?.mode === "resync";
  const copy = copies ? beat.initialCopy : undefined;
  if (!job && !copy) return null;
  return {
    phase: job?.phase ?? (beat?.mode === "resync" ? "resync" : "initial copy"),
    ...(copy && bytesOf(copy)),
    percentComplete: job?.percentComplete ?? (copy ? percentOf(copy) : 0),
    steps: [...(job?.steps ?? [])],
  };
}

type Copy = NonNullable<AgentRecord["heartbeat"]>["initialCopy"];

const bytesOf = ({ done, total, rate }: Copy) => ({
  done,
  total,
  rate,
  ...(rate > 0 && { etaSeconds: Math.ceil((total - done) / rate) }),
});

const percentOf = ({ done, total }: Copy) => (total > 0 ? Math.floor((100 * done) / total) : 0);

function agentOf({ agent }: Known): LeewardItem["agent"] {
  if (!agent) return null;
  const { heartbeat: beat, heardAt, version } = agent;
  const { captured, cached } = reportedBy(agent) ?? {};
  return {
    version,
    upgradeAvailable: isOutdated(version),
    mode: beat?.mode ?? "starting",
    lastHeartbeat: heardAt === undefined ? null : toIso(heardAt),
    backlog: { segments: beat?.backlog.segments ?? 0, ...lagBehind(captured, cached) },
    capturedBytes: captured ? guestBytes(captured) : 0,
    uploadedBytes: beat?.uploaded ?? 0,
    pressure: beat?.pressure ? pressureOf(beat.pressure) : null,
  };
}

function pressureOf({ rung, since, unrecorded }: NonNullable<Heartbeat["pressure"]>) {
  const { bytes, writes } = unrecorded ?? {};
  return {
    rung,
    sinceTime: toIso(since),
    unrecorded: bytes === undefined || writes === undefined ? null : { bytes, writes },
  };
}

function failoverOf({ item, lost }: Known, report: FailoverReport): LeewardItem["failover"] {
  return {
    operation: report.operation,
    point: report.point,
    pointTime: toIso(report.pointTime),
    write: report.moment ? { generation: report.moment.generation, sequence: report.moment.sequence } : null,
    consistency: report.consistency,
    losses: report.losses ?? null,
    road: report.road,
    startTime: toIso(report.startTime),
    endTime: report.endTime === undefined ? null : toIso(report.endTime),
    rtoSeconds: report.rtoSeconds ?? null,
    announced: report.announced,
    lost: lost?.operation === report.operation ? lostView(lost) : null,
    passedOver: report.passedOver ?? [],
    steps: report.steps,
    targetVmId: item.target?.vm ?? "",
    build: buildView(report),
  };
}
