import { bringDisksTo } from "../../functions/activities/disks.ts";
import { failoverActivities } from "../../functions/activities/failover.ts";
import { healing } from "../../functions/activities/healing.ts";
import { itemOf } from "../../functions/activities/tools.ts";
import { sha256 } from "../../engine/core/digest.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { type Generation, SECTOR, bytes } from "../../engine/core/units.ts";
import { disksRebuildName, importName, replicaName } from "../../engine/journal/names.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { beginFailover } from "../../engine/recovery/begin.ts";
import { itemKeyOf, move } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { readCheckpoint } from "../../engine/replication/checkpoints.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { dropRebuilds } from "../../engine/replication/rebuilds.ts";
import { restorePoint, restoreTurn } from "../../engine/replication/restore.ts";
import { MemorySink } from "../fixtures/memory-sink.ts";
import { checkAnnounced } from "./counts.ts";
import { type Plane, shortTurn, toolsOf } from "./control-plane.ts";
import type { Machine } from "./machine.ts";
import { mustBeLossless } from "./planned.ts";
import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

/** What a failover built. */
interface Built {
  readonly point: RecoveryPoint;
  readonly road: "import" | "upload";
  readonly disks: readonly Buffer[];
}

export interface Failover {
  /** Undefined: the newest, as somebody chooses who was told that the point is gone. */
  wanted: BarrierId | undefined;
  /** Tells one from another. */
  readonly token: string;
  built?: Built;
  /** The disks that are built from the journal, which outlive whoever writes them; by point. */
  readonly disks: Map<BarrierId, MemorySink[]>;
  /** Its machine was protected again: a late run of it has nothing more to say. */
  over?: boolean;
}

/** The write that begins it, which is the fence: what it returns is no generation of the machine. @throws StateNotAllowed, Conflict */
async function fence({ machine, services }: Plane, { wanted: point, token }: Failover): Promise<Generation> {
  const { generation } = await services.records.items.update(itemKeyOf(machine), (old) =>
    beginFailover(old, { now: services.clock.now(), token, point }),
  );
  return generation;
}

/**
 * Drains, plans and builds as `orchestrations/failover.ts` does, by the road that the plan takes. May die anywhere and
 * run again.
 */
async function failOver(
  plane: Plane,
  failover: Failover,
  planned: (point: BarrierId) => Promise<void>,
): Promise<Built> {
  const { machine, services } = plane;
  const { wanted } = failover;
  if (plane.step !== "late-bump") await mustBeFenced(plane, failover);
  const { job } = await itemOf(services, machine);
  const input = { machine, operation: job.operation, point: wanted };
  await failoverActivities.drain({ machine }, toolsOf(services));
  const plan = await failoverActivities.planFailover(input, toolsOf(services));
  await planned(plan.point);
  const at = { machine, point: plan.point };
  if (plan.steps.some((step) => step.do === "checkpoint"))
    for (let more = true; more;) ({ more } = await bringDisksTo(services, at, shortTurn(plane)));
  const imports = plan.steps.some((step) => step.do === "import");
  const disks = imports ? await imported(plane, plan.point) : await filled(plane, failover, plan.point);
  await mustBeFenced(plane, failover);
  await services.records.items.update(itemKeyOf(machine), (old) =>
    old.state === "Protected" || failover.over ? old : move(old, "failedOver"),
  );
  const point = await healing(services, machine, () => readPoint(plane.truly.target, machine, plan.point));
  return { point, road: imports ? "import" : "upload", disks };
}

/** Starts one run of it; several may be at work. */
export function startFailover(world: World, machine: Machine): void {
  const { failover, guest, auditor } = machine;
  if (!failover) return;
  world.start(`failover:${machine.id}`, machine, async (plane) => {
    if (plane.step !== "late-bump") guest.fencedFrom = await fence(plane, failover);
    const planned = (point: BarrierId) => mustBeCounted(world, machine, plane, point);
    const built = await failOver(plane, failover, planned).catch((error: unknown) => {
      // Retention dropped the point while it was being named, or died before it could put it back.
      if (world.thins && hasCode(error, "NotFound")) failover.wanted = undefined;
      throw error;
    });
    for (const [index, disk] of built.disks.entries()) auditor.compareDisk(built.point, index, disk);
    if (!failover.over) mustBeLossless(machine, failover.wanted, built.disks);
    if (!failover.built) world.roads.push(built.road);
    failover.built ??= built;
  });
}

/** What is announced is what was lost. Who reads what is old may announce less; once the machine is protected again more has been said. */
async function mustBeCounted(
  { storm, mutation }: World,
  { id, truth }: Machine,
  { truly }: Plane,
  point: BarrierId,
): Promise<void> {
  if (storm.lied || storm.weather.stale > 0 || mutation) return;
  const { items, progress, agents } = recordsIn(truly.records);
  const { state, failover } = (await items.get(itemKeyOf(id)))?.value ?? {};
  const found = (await progress.get(id))?.value;
  if (state !== "FailingOver" || failover?.point !== point || !found) return;
  const agent = (await agents.get(id))?.value;
  const { announced } = failover;
  checkAnnounced(truth, await readPoint(truly.target, id, point), { announced, progress: found, agent });
}

/** 8: a failover bumps the generation first, then builds. */
async function mustBeFenced({ machine, truly }: Plane, { over }: Failover): Promise<void> {
  if (over) throw new LeewardError("FenceLost", `${machine} was protected again`);
  const { items, progress } = recordsIn(truly.records);
  const item = (await items.get(itemKeyOf(machine)))?.value;
  const arrived = (await progress.get(machine))?.value.arrived;
  if (item?.state === "Protected" || arrived?.generation === item?.generation)
    throw new Violation("8: a failover builds while its machine may still replicate");
}

async function imported({ machine, services, stores }: Plane, id: BarrierId): Promise<Buffer[]> {
  const point = await healing(services, machine, () => readPoint(stores.target, machine, id));
  const made = await readCheckpoint(stores.target, point);
  if (!made) throw new LeewardError("NotFound", `the replica does not hold point ${id}`);
  const disks: Buffer[] = [];
  for (const { index, size, snapshot } of made.disks) {
    const copy = importName(machine, index, id);
    await services.pagesAt("").promote(replicaName(machine, index), snapshot, copy);
    const whole = await stores.pages.read(copy, bytes(0), bytes(size + SECTOR));
    disks.push(whole.subarray(0, size));
  }
  return disks;
}

/** Rebuilds them as `restoreDisks` does, in turns so short that a kill falls between any two of them. */
async function filled(plane: Plane, failover: Failover, id: BarrierId): Promise<Buffer[]> {
  const { machine, services, stores } = plane;
  const objects = stores.target;
  const point = await healing(services, machine, () => readPoint(objects, machine, id));
  const key = await services.keyOf(machine);
  const sinks = failover.disks.get(id) ?? point.disks.map(({ size }) => new MemorySink(size));
  failover.disks.set(id, sinks);
  const sinkFor = async ({ index }: { readonly index: number }) => sinks[index];
  const bound = sha256(Buffer.from(`${failover.token} ${id}`));
  for (let complete = false; !complete;) {
    const turn = { name: disksRebuildName(machine, id), bound, enough: shortTurn(plane) };
    const request = { objects, key, point, sinkFor };
    ({ complete } = await healing(services, machine, () => restoreTurn(request, turn)));
    await mustBeFenced(plane, failover);
  }
  await dropRebuilds(objects, machine);
  return sinks.map(({ content }) => content);
}

export const rebuilt = (plane: Plane, id: BarrierId): ReturnType<typeof rebuiltOnce> =>
  healing(plane.services, plane.machine, () => rebuiltOnce(plane, id));

async function rebuiltOnce(
  { machine, services, stores }: Plane,
  id: BarrierId,
): Promise<{ point: RecoveryPoint; disks: Buffer[] }> {
  const point = await readPoint(stores.target, machine, id);
  const sinks = point.disks.map(({ size }) => new MemorySink(size));
  await restorePoint({
    objects: stores.target,
    key: await services.keyOf(machine),
    point,
    sinkFor: async ({ index }) => sinks[index],
  });
  return { point, disks: sinks.map(({ content }) => content) };
}
