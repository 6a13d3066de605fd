import { setTimeout } from "node:timers/promises";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { lastSegment } from "../../engine/recovery/item.ts";
import { type PlanRun, type RecoveryPlan, actionsFor } from "../../engine/recovery/recovery-plan.ts";

const PATIENCE = 60_000;
const PAUSES = [1000, 5000];

/** Which action: of a group, before or behind it. */
interface Place {
  readonly group: number;
  readonly when: "start" | "end";
  readonly at: number;
}

/**
 * Calls the action's address with POST, and says for what. It may be called more than once: `x-ms-client-request-id` is the same then.
 * @throws ActionFailed without the query of the address, which may be a secret
 */
export async function callAction(plan: RecoveryPlan, run: PlanRun, place: Place): Promise<void> {
  const { group, when, at } = place;
  const action = actionsFor(plan.groups[group]?.[when] ?? [], run.type)[at];
  if (action?.customDetails.instanceType !== "ScriptActionDetails") return;
  const url = new URL(action.customDetails.path);
  const body = JSON.stringify({
    recoveryPlanName: lastSegment(plan.id),
    failoverType: run.type,
    failoverDirection: "PrimaryToRecovery",
    actionName: action.actionName,
    jobId: run.operation,
    group: group + 1,
    when,
  });
  const headers = {
    "content-type": "application/json",
    "x-ms-client-request-id": `${run.operation}-${group}-${when}-${at}`,
  };
  for (let attempt = 0; ; attempt++) {
    const why = await failureOf(url, { method: "POST", body, headers });
    if (why === undefined) return;
    const pause = PAUSES[attempt];
    if (pause === undefined)
      throw new LeewardError("ActionFailed", `${action.actionName}: ${url.origin}${url.pathname} ${why}`);
    await setTimeout(pause);
  }
}

/** Undefined when it was answered with success. */
async function failureOf(url: URL, request: RequestInit): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      ...request,
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `answered ${answer.status}`;
  } catch (error) {
    return `did not answer: ${messageOf(error).replaceAll(url.href, url.origin + url.pathname)}`;
  }
}
