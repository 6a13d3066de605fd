import { randomUUID } from "node:crypto";
import { app, type DurableClient } from "durable-functions";
import { barrierId } from "../engine/core/ids.ts";
import { mapInOrder } from "../engine/core/in-order.ts";
import { awaitsInstant } from "../engine/recovery/barriers.ts";
import { type GroupRecord, roundDue } from "../engine/recovery/group.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import type { ProgressRecord } from "../engine/recovery/progress.ts";
import { applicationDue, pointDue } from "../engine/recovery/replicating.ts";
import { resyncDue } from "../engine/recovery/resync.ts";
import { resyncScheduled } from "../engine/recovery/resync-schedule.ts";
import { retainDue } from "../engine/recovery/retain-due.ts";
import { lossesDue } from "../engine/recovery/lost-record.ts";
import { STATES } from "../engine/recovery/state.ts";
import { verifyDue } from "../engine/recovery/verify-due.ts";
import { carryOn } from "./begin.ts";
import {
  ensureCapture,
  ensureGroupPoint,
  ensureLosses,
  ensurePoint,
  ensureReplicate,
  ensureResync,
  ensureRetain,
  ensureVerify,
} from "./durable.ts";
import { beginDrills, countsForDrills, tendDrill } from "./due-drills.ts";
import { endGeneration } from "./generations.ts";
import { carryOnGroup } from "./group-failover.ts";
import { reconcileMember } from "./membership.ts";
import { carryOnPlan } from "./plan/actions.ts";
import { tendGiven } from "./reprotect.ts";
import { type Services, services } from "./services.ts";

/** A thousand machines are tended to well within the minute. */
const AT_ONCE = 16;

app.client.timer("pointTimer", {
  schedule: "%LEEWARD_POINT_SCHEDULE%",
  handler: async (_timer: unknown, client: DurableClient) => {
    const found = await services();
    const failures: unknown[] = [];
    const drills: ItemRecord[] = [];
    const tended = mapInOrder(found.records.items.list(), AT_ONCE, (item) => {
      if (countsForDrills(found, item)) drills.push(item);
      return tend(found, client, item).catch((error: unknown) => failures.push(error));
    });
    for await (const _ of tended);
    await beginDrills(found, client, drills).catch((error: unknown) => failures.push(error));
    for await (const group of found.records.groups.list())
      await tendGroup(found, client, group).catch((error: unknown) => failures.push(error));
    for await (const plan of found.records.plansOfRecovery.list())
      await carryOnPlan(found, client, plan).catch((error: unknown) => failures.push(error));
    if (failures.length > 0)
      throw new AggregateError(failures, `${failures.length} items or groups could not be tended`);
  },
});

/**
 * Sees to it that what should run for an item does run: its job, its replication, a due recovery point, verification
 * or retention, the clean-up of a drill, and after a failover a look at what was lost. The records alone decide, so an app whose task hub was lost goes on within one tick.
 */
async function tend(found: Services, client: DurableClient, item: ItemRecord): Promise<void> {
  await carryOn(found, client, item);
  await reconcileMember(found, item);
  await tendGiven(found, item);
  await tendDrill(found, client, item);
  if (!STATES[item.state].replicating) {
    const lost = (await found.records.lost.get(item.machine))?.value;
    if (lossesDue(found.clock.now(), item, lost)) await ensureLosses(client, item.machine);
    return;
  }
  const { machine } = item;
  const progress = (await found.records.progress.get(machine))?.value;
  if (!progress || progress.problem?.stopped) return;
  await ensureReplicate(client, machine);
  if (item.policy.capture === "snapshots") await ensureCapture(client, machine);
  if (resyncDue(progress)) await ensureResync(client, machine);
  const agent = (await found.records.agents.get(machine))?.value;
  const streams = agent?.heartbeat?.mode === "streaming" && agent.heartbeat.generation === item.generation;
  // Each image is a point by itself.
  const asks = streams && item.policy.capture !== "snapshots";
  if (item.state === "Protected" && asks) await point(found, client, item, progress);
  if (item.state === "Protected" && resyncScheduled(found.clock.now(), item.policy.resync, progress))
    await endGeneration(found, item, "schedule");
  const verified = (await found.records.verification.get(machine))?.value;
  if (verifyDue(found.clock.now(), item, progress, verified)) await ensureVerify(client, machine);
  const retained = (await found.records.retention.get(machine))?.value;
  if (retainDue(found.clock.now(), item.policy, progress, retained)) await ensureRetain(client, machine);
}

/** An application-consistent point serves as an ordinary one as well. */
async function point(
  { clock, records }: Services,
  client: DurableClient,
  { machine, policy }: ItemRecord,
  progress: ProgressRecord,
): Promise<void> {
  const now = clock.now();
  const barriers = (await records.barriers.get(machine))?.value;
  if (barriers && awaitsInstant(barriers)) return;
  const application = applicationDue(now, policy, barriers?.applicationAt);
  if (!application && !pointDue(now, policy, progress)) return;
  const consistency = application ? "application" : "crash";
  await ensurePoint(client, { machine, barrier: barrierId(randomUUID()), consistency });
}

/** A failover of all that has not begun for each, a barrier on its way whose orchestration was lost, or a due one. */
async function tendGroup(found: Services, client: DurableClient, known: GroupRecord): Promise<void> {
  const { group, round, failover } = known;
  if (failover && !failover.begun) {
    const { failed } = await carryOnGroup(found, client, known);
    if (failed > 0) throw new Error(`${failed} members of ${known.id} could not be failed over yet`);
  }
  if (round) {
    await ensureGroupPoint(client, { group, barrier: round.id, consistency: round.consistency });
    return;
  }
  const consistency = roundDue(known, found.clock.now());
  if (consistency) await ensureGroupPoint(client, { group, barrier: barrierId(randomUUID()), consistency });
}
