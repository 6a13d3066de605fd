import { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { type Micros, bytes } from "../../engine/core/units.ts";
import type { BarrierRecord } from "../../engine/journal/record.ts";
import { reportedBy } from "../../engine/recovery/agent-record.ts";
import { withMade } from "../../engine/recovery/barriers.ts";
import { carriedOf } from "../../engine/recovery/churn.ts";
import { disksIn } from "../../engine/recovery/disk-size.ts";
import { type ItemRecord, endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { losses } from "../../engine/recovery/losses.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import {
  checkpointDue,
  isProved,
  shippingOf,
  withCut,
  withShipped,
} from "../../engine/recovery/replicating.ts";
import { cut } from "../../engine/replication/points.ts";
import { releaseCache, sweepCache } from "../../engine/replication/release.ts";
import { type ShipLimits, type Shipped, ship } from "../../engine/replication/ship.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import type { Services } from "../services.ts";
import { checkpointFor } from "./checkpoint.ts";
import { healing } from "./healing.ts";
import { checkHole, mend } from "./mend.ts";
import { type Implementations, itemOf, progressOf } from "./tools.ts";
import { turnOf } from "./turn.ts";

export const replicationActivities = {
  async ship({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const found = await services.records.progress.get(machine);
    const shipping = shippingOf(item, found?.value);
    const nothing = { generation: item.generation, marks: false, more: false, checkpointDue: false };
    if (!found || shipping !== "go") return { ...nothing, state: shipping === "end" ? "ended" : "idle" };
    const cache = services.objectsAt(cacheOf(item));
    const place = { cache, item, progress: found.value };
    const shipped = await shipFrom(services, cache, found.value, carriedOf(item.policy)).catch(
      (error: unknown) => mend(services, place, error),
    );
    if (shipped.segments === 0 && shipped.hole !== undefined) await checkHole(services, place);
    const progress = await services.records.progress.update(machine, (old) => withShipped(old, shipped));
    await release(services, item, found.value, shipped);
    return {
      state: shipped.segments > 0 ? "shipped" : "idle",
      generation: item.generation,
      marks: isProved(progress),
      more: shipped.hole === undefined && shipped.problem === undefined,
      checkpointDue: checkpointDue(services.clock.now(), item.policy, progress),
    };
  },

  async cut({ machine }, { services }) {
    return { points: await cutArrived(services, await itemOf(services, machine)) };
  },

  async checkpoint({ machine }, { services }) {
    return checkpointFor(services, machine, turnOf(services.clock));
  },

  async noteHealth({ machine, problem, stopped }, { services }) {
    const now = services.clock.now();
    await services.records.progress.upsert(machine, (old) => {
      if (!old) throw new LeewardError("NotFound", `machine ${machine} has not begun to replicate`);
      const { problem: before, ...rest } = old;
      if (!problem) return before ? rest : old;
      const since = before?.code === problem.code ? before.since : now;
      return { ...rest, problem: { ...problem, since, stopped } };
    });
    return null;
  },
} satisfies Partial<Implementations>;

const cacheOf = (item: ItemRecord): string => endpointOf(targetOf(item).cache);

/** Ships what the cache holds behind `arrived`. */
export const shipFrom = (
  services: Services,
  cache: ObjectStore,
  { machine, arrived }: ProgressRecord,
  limits: ShipLimits,
): Promise<Shipped> => ship({ cache, target: services.target, machine, from: arrived, limits });

/** Segments leave the cache once the record says that they have arrived. */
const release = (services: Services, item: ItemRecord, before: ProgressRecord, shipped: Shipped) =>
  shipped.segments === 0
    ? undefined
    : releaseCache(services.objectsAt(cacheOf(item)), item.machine, before.arrived, shipped.position);

/** What a host that died between the record and the release left in the cache. A cache that does not answer has it later. */
export async function releaseLeft(services: Services, machine: MachineId): Promise<void> {
  const item = await itemOf(services, machine);
  const { arrived } = await progressOf(services, machine);
  await sweepCache(services.objectsAt(cacheOf(item)), machine, arrived).catch((error: unknown) => {
    if (!(error instanceof LeewardError)) throw error;
  });
}

/** Makes a point of every proof that has arrived; returns how many. */
export async function cutArrived(services: Services, item: ItemRecord): Promise<number> {
  const { machine } = item;
  const progress = await progressOf(services, machine);
  const agent = await services.records.agents.get(machine);
  const now = services.clock.now();
  const key = await services.keyOf(machine);
  const request = {
    target: services.target,
    key,
    machine,
    disks: disksIn(item, progress.arrived.generation),
    marked: progress.marked,
    pending: progress.pending,
    lossesAt: (barrier: BarrierRecord) => {
      const reported = reportedBy(agent?.value);
      const counted = reported?.images ? undefined : losses(now, reported, progress.arrived);
      return counted ?? sinceBarrier(now, barrier);
    },
  };
  const made = await healing(services, machine, () => cut(request));
  await services.records.progress.update(machine, (old) =>
    withCut(old, progress.arrived, made.points, made.pending, made.bytes),
  );
  await settleBarriers(services, machine, made.points);
  return made.points.length;
}

/** Of an image, and before the first heartbeat of a generation, nothing better is known. */
function sinceBarrier(now: Micros, { time }: BarrierRecord) {
  const loss = { seconds: Math.max(now - time, 0) / 1e6, bytes: bytes(0), writes: 0 };
  return { vm: loss, region: loss };
}

/** The record of points goes first: a barrier is off the list only when its point can be found. */
async function settleBarriers(
  services: Services,
  machine: MachineId,
  points: readonly RecoveryPoint[],
): Promise<void> {
  const found = await services.records.barriers.get(machine);
  if (!found || points.length === 0) return;
  const ids = points.map(({ id }) => id);
  await services.records.barriers.update(machine, (old) => withMade(old, ids));
}
