import { randomUUID } from "node:crypto";
import type { DurableClient } from "durable-functions";
import {
  planCleanupRequest,
  planFailoverRequest,
  planPlannedFailoverRequest,
  planTestRequest,
} from "../../engine/contract/recovery-plan.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { lastSegment } from "../../engine/recovery/item.ts";
import { type JobRecord, operationFor } from "../../engine/recovery/job.ts";
import {
  type PlanRun,
  type RecoveryPlan,
  type RunType,
  beginRun,
} from "../../engine/recovery/recovery-plan.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { ensurePlan } from "../durable.ts";
import { type DurableCall, bodyOf, durableRoute } from "../http.ts";
import { acceptedAt } from "../lro.ts";
import { PATHS, recoveryPlanIn } from "../paths.ts";
import type { Services } from "../services.ts";
import { findPlan } from "./view.ts";

type Choice = Omit<PlanRun, "operation" | "type" | "startTime" | "ended">;

const none = () => Promise.resolve({});

action("unplannedFailover", "UnplannedFailover", "Admin", failoverChoice);
action("plannedFailover", "PlannedFailover", "Admin", async ({ request }) => {
  await bodyOf(request, planPlannedFailoverRequest);
  return {};
});
action("failoverCommit", "Commit", "Admin", none);
action("failoverCancel", "CancelFailover", "Admin", none);
action("reProtect", "ReverseReplicate", "Admin", none);
action("testFailover", "TestFailover", "Operator", async ({ request }) => {
  const { properties } = await bodyOf(request, planTestRequest);
  const { networkType, networkId, providerSpecificDetails: details } = properties;
  return {
    ...pointOf(details),
    ...(networkId && { networkId }),
    ...(networkType === "NoNetworkAttachAsInput" && { sealed: true }),
  };
});
action("testFailoverCleanup", "TestFailoverCleanup", "Operator", async ({ request }) => {
  const { comments } = (await bodyOf(request, planCleanupRequest)).properties;
  return comments === undefined ? {} : { comments };
});

/** A run of a plan, which is a job. A request that is sent again is answered with the job that it began. */
function action(
  name: string,
  type: RunType,
  role: "Admin" | "Operator",
  choiceIn: (call: DurableCall) => Promise<Choice>,
): void {
  const path = `${PATHS.recoveryPlan}/${name}`;
  durableRoute(`recoveryPlan-${name}`, { method: "POST", path, role, versioned: true }, async (call) => {
    const { services, client, request } = call;
    const id = recoveryPlanIn(request);
    const choice = await choiceIn(call);
    const plan = await findPlan(services, id);
    if (plan.groups.every(({ items }) => items.length === 0))
      throw new LeewardError("StateNotAllowed", `${lastSegment(id)} has no machines`);
    const token = request.headers.get("x-ms-client-request-id") ?? randomUUID();
    const operation = operationFor(id, "recoveryPlan", `${type} ${token}`);
    if (!(await services.records.jobs.get(operation))) {
      const run = { ...choice, operation, type, startTime: services.clock.now() };
      await services.records.plansOfRecovery.update(resourceKey(id), (old) => beginRun(old, run));
    }
    await carryOnPlan(services, client, await findPlan(services, id));
    return acceptedAt(call, id, operation);
  });
}

/** Has the plan's newest run go on, if it has not ended. May run any number of times. */
export async function carryOnPlan(
  { records }: Pick<Services, "records">,
  client: DurableClient,
  { id, run }: Pick<RecoveryPlan, "id" | "run">,
): Promise<void> {
  if (!run || run.ended) return;
  await records.jobs.ensure(run.operation, jobOf(id, run));
  await ensurePlan(client, { operation: run.operation, plan: resourceKey(id) });
}

const jobOf = (item: ArmId, { operation, type, startTime }: PlanRun): JobRecord => ({
  format: 1,
  operation,
  kind: "recoveryPlan",
  run: type,
  item,
  state: "InProgress",
  startTime,
  steps: [],
});

async function failoverChoice({ request }: DurableCall): Promise<Choice> {
  const { properties } = await bodyOf(request, planFailoverRequest);
  return {
    ...pointOf(properties.providerSpecificDetails),
    ...(properties.sourceSiteOperations === "Required" && { shutDown: "attempt" as const }),
  };
}

/** A crash-consistent point is the newest one there is. */
function pointOf([details]: readonly {
  readonly recoveryPointType?: PlanRun["recoveryPointType"] | "LatestCrashConsistent" | undefined;
}[]): Pick<Choice, "recoveryPointType"> {
  const wanted = details?.recoveryPointType;
  if (wanted === undefined) return {};
  return { recoveryPointType: wanted === "LatestCrashConsistent" ? "LatestProcessed" : wanted };
}
