import type { DurableClient } from "durable-functions";
import { exportRequest, resumeRequest } from "../../engine/contract/job.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import { beginFailover, beginUpgrade } from "../../engine/recovery/begin.ts";
import { beginCancel } from "../../engine/recovery/cancel.ts";
import { beginCommit } from "../../engine/recovery/commit.ts";
import { type ItemRecord, vaultOf } from "../../engine/recovery/item.ts";
import type { JobKind, JobRecord } from "../../engine/recovery/job.ts";
import { beginAgain } from "../../engine/recovery/reversal.ts";
import { beginTest, beginTestCleanup } from "../../engine/recovery/test-failover.ts";
import { resumeEvent } from "../../orchestrations/recovery-plan.ts";
import { type Role, requireRole } from "../auth.ts";
import { beginJob, disable, enable, failOver } from "../begin.ts";
import { bodyIfAny, bodyOf, durableRoute } from "../http.ts";
import { findJob, viewJob } from "../jobs.ts";
import { acceptedAt } from "../lro.ts";
import { PATHS, jobIn, vaultIn } from "../paths.ts";
import { waitingFor } from "../plan/waiting.ts";
import { askedIn } from "../protected-items.ts";
import type { Services } from "../services.ts";
import { configured } from "./configure.ts";
import { filterBy } from "./filter.ts";
import { JOB_FIELDS, conditionsFor } from "./job-filter.ts";
import { isTest, itemOfJob, notCancellable, notRestartable } from "./job-possibilities.ts";
import { resultRoute } from "./result.ts";

const all = `${PATHS.vault}/replicationJobs`;
const one = `${all}/{job}`;
const posted = { method: "POST", role: "Operator", versioned: true } as const;

type Asked = ReturnType<typeof askedIn>;

resultRoute("jobResult", one, jobIn, async (call) => viewJob(call, await findJob(call, call.param("job"))));

/** Admin: what an enablement has made is deleted. */
durableRoute("cancelJob", { ...posted, role: "Admin", path: `${one}/cancel` }, async (call) => {
  const job = await findJob(call, call.param("job"));
  const why = notCancellable(job, await itemOfJob(call.services, job));
  if (why) throw new LeewardError("StateNotAllowed", `job ${job.operation} cannot be cancelled: ${why}`);
  const terms = { purge: false, keepPoints: false };
  const asked = askedIn(call);
  const item = await disable(call.services, call.client, job.item, asked, terms);
  await call.services.records.jobs.update(job.operation, (old) =>
    old.state === "Succeeded" ? old : { ...old, cancelledAt: old.cancelledAt ?? call.services.clock.now() },
  );
  return acceptedAt(call, idOf(job), item.job.operation);
});

durableRoute("restartJob", { ...posted, path: `${one}/restart` }, async (call) => {
  const job = await findJob(call, call.param("job"));
  requireRole(call.caller, ROLE_TO_RESTART[job.kind]);
  const item = await itemOfJob(call.services, job);
  const why = notRestartable(job, item);
  if (why || !item)
    throw new LeewardError(
      "StateNotAllowed",
      `job ${job.operation} cannot be restarted: ${why ?? "its item is gone"}`,
    );
  const begun = await restart(call.services, call.client, item, job, askedIn(call));
  const operation = begun.test && isTest(job) ? begun.test.job.operation : begun.job.operation;
  return acceptedAt(call, armId(`${vaultOf(job.item)}/replicationJobs/${operation}`), operation);
});

/** A manual action of a recovery plan is done. Whoever resumes twice resumes no later action. */
durableRoute("resumeJob", { ...posted, path: `${one}/resume` }, async (call) => {
  await bodyIfAny(call.request, resumeRequest);
  const job = await findJob(call, call.param("job"));
  const step = await waitingFor(call.services, call.client, job);
  if (step === undefined)
    throw new LeewardError("StateNotAllowed", `job ${job.operation} is ${job.state}: it waits for nobody`);
  await call.client.raiseEvent(job.operation, resumeEvent(step), {});
  return acceptedAt(call, idOf(job), job.operation);
});

/** The jobs themselves are read when the export is fetched, with the caller's own token: no SAS is made for it. */
durableRoute("exportJobs", { ...posted, role: "Reader", path: `${all}/export` }, async (call) => {
  const exported = await bodyOf(call.request, exportRequest);
  filterBy(conditionsFor(exported), JOB_FIELDS);
  const vault = vaultIn(call.request);
  const operation = await configured(call, vault, "exportJobs", async () => undefined, { exported });
  return acceptedAt(call, armId(`${vault}/replicationJobs/${operation}`), operation);
});

const idOf = ({ item, operation }: JobRecord): ArmId =>
  armId(`${vaultOf(item)}/replicationJobs/${operation}`);

/** As for what the job does in the first place. */
const ROLE_TO_RESTART: Record<JobKind, Role> = {
  enable: "Operator",
  testFailover: "Operator",
  testFailoverCleanup: "Operator",
  upgradeAgent: "Operator",
  reverse: "Admin",
  failover: "Admin",
  groupFailover: "Admin",
  cancelFailover: "Admin",
  disable: "Admin",
  configure: "Operator",
  changePoint: "Admin",
  commit: "Admin",
  recoveryPlan: "Admin",
};

/** The item's record first, which decides; then the job. */
async function restart(
  services: Services,
  client: DurableClient,
  item: ItemRecord,
  job: JobRecord,
  asked: Asked,
): Promise<ItemRecord> {
  const { id, vmId, policy, ownPolicy, request, policyId, recoveryContainerId } = item;
  if (job.kind === "enable") {
    const wish = { id, vmId, policy, ownPolicy, request, policyId, recoveryContainerId };
    return enable(services, client, wish, asked);
  }
  if (job.kind === "disable") {
    const { purge = false, keepPoints = false } = item.removal ?? {};
    return disable(services, client, id, asked, { purge, keepPoints });
  }
  // A point may have turned out to be bad since.
  if (job.kind === "failover" && !job.moment)
    return failOver(services, client, id, { ...asked, point: job.point }, { acceptBadPoint: false });
  return beginJob(services, client, item, (old) => again(old, job, asked));
}

function again(item: ItemRecord, { kind, point, moment, comments }: JobRecord, asked: Asked): ItemRecord {
  switch (kind) {
    // A change that failed has left a failover that failed.
    case "changePoint":
      return beginFailover(item, { ...asked, point, moment });
    case "failover":
      return beginFailover(item, { ...asked, moment });
    case "commit":
      return beginCommit(item, asked);
    case "cancelFailover":
      return beginCancel(item, asked);
    case "testFailover":
      return beginTest(item, asked);
    case "testFailoverCleanup":
      return beginTestCleanup(item, { ...asked, comments });
    case "upgradeAgent":
      return beginUpgrade(item, asked);
    case "reverse":
      return beginAgain(item, asked);
    case "enable":
    case "disable":
    case "groupFailover":
    case "configure":
    case "recoveryPlan":
      throw new LeewardError("StateNotAllowed", `a job of ${kind} is not begun again`);
  }
}
