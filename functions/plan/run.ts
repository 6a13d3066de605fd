import type { DurableClient } from "durable-functions";
import { LeewardError, hasCode, messageOf } from "../../engine/core/errors.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { lastSegment } from "../../engine/recovery/item.ts";
import { operationFor } from "../../engine/recovery/job.ts";
import {
  type PlanAction,
  type PlanRun,
  type RecoveryPlan,
  actionsFor,
} from "../../engine/recovery/recovery-plan.ts";
import type { PlanJob, PlanStep } from "../../orchestrations/recovery-plan-contract.ts";
import { lookUp } from "../find-item.ts";
import type { Services } from "../services.ts";
import { JOB_OF, beginItem, isThere } from "./begin-item.ts";

/** The plan and the run that the job is. @throws NotFound; Conflict when another run has taken its place */
export async function runOf(
  { records }: Pick<Services, "records">,
  { plan, operation }: PlanJob,
): Promise<{ readonly plan: RecoveryPlan; readonly run: PlanRun }> {
  const found = (await records.plansOfRecovery.get(plan))?.value;
  if (!found) throw new LeewardError("NotFound", `the recovery plan of job ${operation} is gone`);
  if (found.run?.operation !== operation)
    throw new LeewardError("Conflict", `${lastSegment(found.id)} has a newer run than ${operation}`);
  return { plan: found, run: found.run };
}

/** In order: of each group what is done before it, its items, what is done behind it. Names are unique. */
export function stepsOf({ groups }: RecoveryPlan, { type }: PlanRun): PlanStep[] {
  return groups.flatMap(({ groupType, items, start, end }, group): PlanStep[] => {
    const at = `group ${group + 1} (${groupType})`;
    const acts = (when: "start" | "end", actions: readonly PlanAction[]) =>
      actionsFor(actions, type).map(({ actionName, customDetails }, nth): PlanStep => ({
        do: customDetails.instanceType === "ManualActionDetails" ? "wait" : "call",
        name: `${at}, ${when === "start" ? "before" : "behind"} it ${nth + 1}: ${actionName}`,
        group,
        when,
        at: nth,
      }));
    const own: PlanStep[] = items.length > 0 ? [{ do: "items", name: at, group }] : [];
    return [...acts("start", start), ...own, ...acts("end", end)];
  });
}

interface Seen {
  readonly state: "atWork" | "failed" | "there";
  readonly why?: string;
}

/** One look at a group; whatever has not begun is begun. */
export async function lookAtGroup(
  services: Services,
  client: DurableClient,
  { plan, run }: { readonly plan: RecoveryPlan; readonly run: PlanRun },
  group: number,
): Promise<{ readonly atWork: number; readonly failed: number; readonly why: string }> {
  const items = plan.groups[group]?.items ?? [];
  const seen = await Promise.all(items.map((item) => lookAtItem(services, client, item, run)));
  const failed = seen.filter(({ state }) => state === "failed");
  return {
    atWork: seen.filter(({ state }) => state === "atWork").length,
    failed: failed.length,
    why: (failed[0]?.why ?? "").slice(0, 1000),
  };
}

async function lookAtItem(services: Services, client: DurableClient, id: ArmId, run: PlanRun): Promise<Seen> {
  const { records } = services;
  const token = `plan ${run.operation}`;
  const job = (await records.jobs.get(operationFor(id, JOB_OF[run.type], token)))?.value;
  if (job?.state === "InProgress") return { state: "atWork" };
  if (job?.state === "Succeeded") return { state: "there" };
  if (job) return { state: "failed", why: `${lastSegment(id)}: ${job.failure?.message ?? "failed"}` };
  const item = (await lookUp({ records }, id))?.value;
  if (!item) return { state: "failed", why: `${lastSegment(id)} is not protected any more` };
  if (isThere(run.type, item)) return { state: "there" };
  try {
    await beginItem(services, client, item, run, token);
    return { state: "atWork" };
  } catch (error) {
    if (!(error instanceof LeewardError)) throw error;
    // Somebody else's job ends; what passes by itself is tried at the next look.
    // A region that is lost may stay so for long, and no other run could begin meanwhile.
    const isSilent = hasCode(error, "PeerUnreachable");
    const passes = (error.class === "retry" && !isSilent) || hasCode(error, "Conflict");
    return passes ? { state: "atWork" } : { state: "failed", why: `${lastSegment(id)}: ${messageOf(error)}` };
  }
}
