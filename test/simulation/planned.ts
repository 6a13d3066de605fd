import { agentActivities } from "../../functions/activities/agent.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { type Micros, micros } from "../../engine/core/units.ts";
import { listPoints } from "../../engine/replication/points.ts";
import { toolsOf } from "./control-plane.ts";
import type { Machine } from "./machine.ts";
import { Violation } from "./truth.ts";
import type { World } from "./world.ts";

/** A machine that was shut down to be failed over without loss. */
export interface Planned {
  /** Nothing was written behind it. */
  readonly point: BarrierId;
  /** Then it is given up. */
  readonly until: Micros;
  readonly disks: readonly Buffer[];
}

const PATIENCE = 40e6;

/** Its guest writes no more, and a point is asked for. */
export function shutDown(world: World, machine: Machine): void {
  const { guest } = machine;
  if (guest.changing > 0) return;
  guest.shut = true;
  const point = world.newBarrier();
  machine.planned = { point, until: micros(world.now + PATIENCE), disks: guest.contents };
  world.start("point", machine, ({ services }) =>
    agentActivities.requestBarrier(
      { machine: machine.id, barrier: point, consistency: "crash" },
      toolsOf(services),
    ),
  );
  world.tally.note("event: a machine is shut down to be failed over");
}

/** It goes on to write: it took too long, or something happened to the machine. */
export function giveUpPlan(machine: Machine): void {
  machine.guest.shut = false;
  machine.planned = undefined;
}

/** Whether the point is there. */
export async function isDrained(world: World, { id, side, planned }: Machine): Promise<boolean> {
  const places = await listPoints(world.storesOf(side).target, id);
  return planned !== undefined && places.some((place) => place.id === planned.point);
}

/** @throws Violation */
export function mustBeLossless(
  { id, planned }: Machine,
  wanted: BarrierId | undefined,
  built: readonly Buffer[],
): void {
  if (!planned || wanted !== planned.point) return;
  if (!built.every((disk, i) => disk.equals(planned.disks[i] ?? Buffer.alloc(0))))
    throw new Violation(`planned: a failover of ${id}, which was shut down before, lost something`);
}
