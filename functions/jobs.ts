import type { Job } from "../engine/contract/job.ts";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type OperationId, operationId, sameArmId } from "../engine/core/ids.ts";
import { lastSegment, vaultOf } from "../engine/recovery/item.ts";
import type { JobRecord } from "../engine/recovery/job.ts";
import type { JobStatus } from "../orchestrations/job-status.ts";
import { remedyOf } from "../engine/recovery/health.ts";
import { buildView } from "./build-view.ts";
import { settledJob } from "./group-job.ts";
import { type Call, type DurableCall, durableRoute } from "./http.ts";
import { jobStatusOf } from "./job-status.ts";
import { waitingFor } from "./plan/waiting.ts";
import { PATHS, vaultIn } from "./paths.ts";
import { viewResources } from "./plan-view.ts";
import { scenarioOf } from "./scenario.ts";
import { filterBy, filterIn } from "./vault/filter.ts";
import { JOB_FIELDS, conditionsFor, kindOfTarget, orderOfJob, stateOfJob } from "./vault/job-filter.ts";
import { actionsOf } from "./vault/job-possibilities.ts";
import { pagesOfBoth } from "./vault/pages-of-both.ts";
import { pageOfRecords } from "./vault/paging.ts";

const path = `${PATHS.vault}/replicationJobs`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

/** Newest first. */
durableRoute("listJobs", { ...read, path }, async (call) => {
  const { services, request } = call;
  const vault = vaultIn(request);
  const wanted = filterIn(request, JOB_FIELDS);
  const matches = async (job: JobRecord) =>
    sameArmId(vaultOf(job.item), vault) && wanted(await settledJob(services, job));
  return pagesOfBoth(call, () =>
    pageOfRecords(call, services.records.jobs, matches, async (job) =>
      viewJob(call, await settledJob(services, job)),
    ),
  );
});

/** What an export was asked for, read now: newest first. */
durableRoute("downloadExport", { ...read, path: `${path}/{job}/leewardExport` }, async (call) => {
  const { exported, operation } = await findJob(call, call.param("job"));
  if (!exported) throw new LeewardError("NotFound", `job ${operation} is no export`);
  const found = (await jobsOf(call)).filter(filterBy(conditionsFor(exported), JOB_FIELDS));
  return { jsonBody: { value: await Promise.all(found.map((job) => viewJob(call, job))) } };
});

/** All of the vault, newest first. */
async function jobsOf({ services, request }: Call): Promise<JobRecord[]> {
  const vault = vaultIn(request);
  const found: JobRecord[] = [];
  for await (const job of services.records.jobs.list())
    if (sameArmId(vaultOf(job.item), vault)) found.push(await settledJob(services, job));
  return found.toSorted((a, b) => (orderOfJob(a) < orderOfJob(b) ? 1 : -1));
}

durableRoute("getJob", { ...read, path: `${path}/{job}` }, async (call) => {
  const job = await findJob(call, call.param("job"));
  const shown = await viewJob(call, job);
  return {
    jsonBody: { ...shown, properties: { ...shown.properties, leewardPlan: await planOf(call, job) } },
  };
});

/** Of an enablement: what it makes. The list of jobs has none of it. */
async function planOf(
  { services }: Call,
  { kind, machine }: JobRecord,
): Promise<Job["properties"]["leewardPlan"]> {
  const plan = kind === "enable" && machine ? await services.records.plans.get(machine) : undefined;
  return plan ? viewResources(plan.value.resources) : null;
}

/** A job of the vault in the path. @throws NotFound */
export async function findJob(call: Call, name: string): Promise<JobRecord> {
  const vault = vaultIn(call.request);
  const operation = parseOperation(name);
  const found = operation && (await call.services.records.jobs.get(operation));
  if (!found || !sameArmId(vaultOf(found.value.item), vault))
    throw new LeewardError("NotFound", `there is no job ${name.slice(0, 100)} in ${lastSegment(vault)}`);
  return settledJob(call.services, found.value);
}

function parseOperation(name: string): OperationId | undefined {
  try {
    return operationId(name.toLowerCase());
  } catch {
    return undefined;
  }
}

/** The job as the API shows it, with what can be done about it now. */
export async function viewJob({ client, services }: DurableCall, record: JobRecord): Promise<Job> {
  const live =
    record.state === "InProgress" && !record.members
      ? await jobStatusOf(client, record.operation)
      : undefined;
  const [scenarioName, friendlyName] = scenarioOf(record);
  return {
    id: `${vaultOf(record.item)}/replicationJobs/${record.operation}`,
    name: record.operation,
    type: "Microsoft.RecoveryServices/vaults/replicationJobs",
    properties: {
      activityId: record.operation,
      scenarioName,
      friendlyName,
      state: stateOfJob(record),
      stateDescription: record.failure?.message ?? live?.phase ?? record.state,
      tasks: (live?.steps ?? record.steps).map(task),
      errors: errorsOf(record),
      startTime: toIso(record.startTime),
      endTime: record.endTime === undefined ? null : toIso(record.endTime),
      allowedActions: [
        ...(await actionsOf(services, record)),
        ...((await waitingFor(services, client, record)) === undefined ? [] : ["Resume"]),
      ],
      targetObjectId: record.item,
      targetObjectName: lastSegment(record.item),
      targetInstanceType: kindOfTarget(record),
      leeward: outcomeOf(record),
      leewardPassedOver: record.passedOver ?? [],
      leewardRemoved: removedIn(record),
      leewardMembers: membersOf(record),
      leewardPlan: null,
      leewardTest: testOf(record),
      leewardDeleted: record.removed ?? null,
      leewardChanges: record.changes ?? null,
      leewardComments: record.comments ?? null,
      customDetails: record.exported
        ? {
            instanceType: "ExportJobDetails",
            blobUri: `${services.settings.publicUrl}${encodeURI(`${vaultOf(record.item)}/replicationJobs/${record.operation}/leewardExport`)}?api-version=2025-08-01`,
            sasToken: "",
          }
        : { instanceType: "AsrJobDetails" },
    },
  };
}

function testOf({ test, drill = false }: JobRecord): Job["properties"]["leewardTest"] {
  if (!test) return null;
  const { point, pointTime, road, vm, network, rtoSeconds } = test;
  return {
    drill,
    point,
    pointTime: toIso(pointTime),
    road,
    vmId: vm,
    networkId: network,
    rtoSeconds: rtoSeconds ?? null,
  };
}

function membersOf({ members: total, settled }: JobRecord): Job["properties"]["leewardMembers"] {
  if (total === undefined) return null;
  const { succeeded = 0, failed = 0 } = settled ?? {};
  return { total, succeeded, failed, inProgress: total - succeeded - failed };
}

function removedIn({ removed }: JobRecord): Job["properties"]["leewardRemoved"] {
  if (!removed) return null;
  const deleted = removed.deleted.map(({ count = null, bytes = null, ...thing }) => ({
    ...thing,
    count,
    bytes,
  }));
  return { ...removed, deleted };
}

function outcomeOf({ outcome }: JobRecord): Job["properties"]["leeward"] {
  if (!outcome) return null;
  const { point, sequence, losses, announced, build = {} } = outcome;
  const { seconds, bytes, writes } = announced;
  return {
    point,
    sequence,
    losses: losses ?? null,
    announced: { seconds, bytes, writes },
    build: buildView(build),
  };
}

const task = (step: JobStatus["steps"][number]): Job["properties"]["tasks"][number] => ({
  taskId: step.name.replaceAll(" ", "-"),
  name: step.name,
  friendlyName: step.name,
  state: step.state,
  startTime: step.startTime,
  endTime: step.endTime ?? null,
});

function errorsOf({ failure, operation }: JobRecord): Job["properties"]["errors"] {
  if (!failure) return [];
  const { code, message, step } = failure;
  const details = { code, message, recommendedAction: remedyOf(code), activityId: operation };
  return [{ serviceErrorDetails: details, errorLevel: "Error", taskId: step.replaceAll(" ", "-") }];
}
