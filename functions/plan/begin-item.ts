import type { DurableClient } from "durable-functions";
import { beginFailover } from "../../engine/recovery/begin.ts";
import { beginCancel } from "../../engine/recovery/cancel.ts";
import { beginCommit } from "../../engine/recovery/commit.ts";
import { type ItemRecord, targetOf } from "../../engine/recovery/item.ts";
import type { ItemJob } from "../../engine/recovery/job.ts";
import type { PlanRun, RunType } from "../../engine/recovery/recovery-plan.ts";
import { isGivenAway } from "../../engine/recovery/reversal.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { beginTest, beginTestCleanup } from "../../engine/recovery/test-failover.ts";
import { beginJob } from "../begin.ts";
import { type FailoverChoice, chosenFor } from "../failover-choice.ts";
import { recoveryContainerFor, turnRound } from "../reprotect.ts";
import type { Services } from "../services.ts";
import { subnetsOf } from "../target-network.ts";

/** The kind of job that a run of this type is for each item. */
export const JOB_OF: Record<RunType, ItemJob["kind"]> = {
  UnplannedFailover: "failover",
  PlannedFailover: "failover",
  TestFailover: "testFailover",
  TestFailoverCleanup: "testFailoverCleanup",
  Commit: "commit",
  CancelFailover: "cancelFailover",
  ReverseReplicate: "reverse",
};

/** The item is where the run is to bring it: by an earlier run, or by somebody's own hand. */
export function isThere(type: RunType, item: ItemRecord): boolean {
  const { state, test } = item;
  switch (type) {
    case "UnplannedFailover":
    case "PlannedFailover":
      return STATES[state].over && !STATES[state].busy;
    case "TestFailover":
      // A drill is on its way out already.
      return test?.state === "ready" && !test.drill;
    case "TestFailoverCleanup":
      return !test;
    case "Commit":
      return state === "UnplannedFailoverCommitted" || state === "Reversed";
    case "CancelFailover":
      return state === "Protected";
    case "ReverseReplicate":
      return isGivenAway(item);
  }
}

/** Begins the item's own job of a run. @throws as the item's own action does: nothing changed */
export async function beginItem(
  services: Services,
  client: DurableClient,
  item: ItemRecord,
  run: PlanRun,
  token: string,
): Promise<void> {
  // Its job is one of the other region's app.
  const { type } = run;
  if (type === "ReverseReplicate") {
    const recoveryContainerId = recoveryContainerFor(item, undefined);
    await turnRound(services, item, { token, recoveryContainerId });
    return;
  }
  const asked = { now: services.clock.now(), token };
  const begin = await beginning(services, item, { ...run, type }, asked);
  await beginJob(services, client, item, begin);
}

async function beginning(
  services: Services,
  item: ItemRecord,
  run: PlanRun & { readonly type: Exclude<RunType, "ReverseReplicate"> },
  asked: { readonly now: ReturnType<Services["clock"]["now"]>; readonly token: string },
): Promise<(old: ItemRecord) => ItemRecord> {
  const choice = (recoveryPointType: FailoverChoice["recoveryPointType"]) =>
    chosenFor(services, item, asked, { recoveryPointType, acceptBadPoint: false });
  switch (run.type) {
    case "UnplannedFailover": {
      const chosen = await choice(run.recoveryPointType);
      return (old) => beginFailover(old, { ...asked, ...chosen, shutDown: run.shutDown });
    }
    case "PlannedFailover": {
      const chosen = await choice("Latest");
      return (old) => beginFailover(old, { ...asked, ...chosen, shutDown: "required" });
    }
    case "TestFailover": {
      const chosen = await choice(run.recoveryPointType);
      const network = await networkOf(services, item, run);
      return (old) => beginTest(old, { ...asked, ...chosen, ...network });
    }
    case "TestFailoverCleanup":
      return (old) => beginTestCleanup(old, { ...asked, comments: run.comments });
    case "Commit":
      return (old) => beginCommit(old, asked);
    case "CancelFailover":
      return (old) => beginCancel(old, asked);
  }
}

async function networkOf(services: Services, item: ItemRecord, { networkId: id, sealed }: PlanRun) {
  if (sealed) return { network: { kind: "sealed" as const } };
  if (!id) return { network: { kind: "isolated" as const } };
  const { region } = targetOf(item);
  return {
    network: { kind: "named" as const, id },
    subnets: await subnetsOf(services, id, region, "properties.networkId"),
  };
}
