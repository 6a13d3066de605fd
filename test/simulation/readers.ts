import { itemOf } from "../../functions/activities/tools.ts";
import { verifyJournal, verifyReplica } from "../../functions/activities/verify-road.ts";
import { type ErrorCode, LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { listPoints } from "../../engine/replication/points.ts";
import type { Auditor } from "./auditor.ts";
import { type Plane, shortTurn } from "./control-plane.ts";
import { rebuilt } from "./failover.ts";
import type { Stores } from "./stores.ts";
import { Violation } from "./truth.ts";

/** One round of `orchestrations/verify.ts`. Here nobody waits for real time, so nothing tells it of a failover. */
export async function verify(plane: Plane): Promise<void> {
  const { machine, services, dice } = plane;
  const road = dice.chance(0.7) ? verifyJournal : verifyReplica;
  const { signal } = new AbortController();
  // Some stay where they are: others go on with them, later.
  for (let turns = 1 + dice.below(20); turns > 0; turns--) {
    const item = await itemOf(services, machine);
    if (!STATES[item.state].replicating) return;
    if ((await road(services, item, signal, shortTurn(plane, 3))) !== "more") return;
  }
}

/** Somebody restores a point while everybody else is at work. It may be gone by then, but for nothing that is deleted later. */
export async function restoreOne(plane: Plane, auditor: Auditor): Promise<void> {
  const place = plane.dice.pick(await listPoints(plane.stores.target, plane.machine));
  if (!place) return;
  try {
    const { point, disks } = await rebuilt(plane, place.id);
    for (const [index, disk] of disks.entries()) auditor.compareDisk(point, index, disk);
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
  }
}

/** Where all that was acknowledged is there, nobody may end with one of these. */
const LOST: ReadonlySet<ErrorCode> = new Set([
  "SegmentMissing",
  "SegmentDamaged",
  "ChainBroken",
  "BaseMissing",
  "LayerDamaged",
  "ManifestDamaged",
  "PointBad",
]);

/** What a process ended with is no loss of what it read. @throws Violation */
export function mustNotBeLost(name: string, { code, message }: LeewardError): void {
  if (LOST.has(code)) throw new Violation(`7: ${name} lost what it was reading: ${code}: ${message}`);
}

/** What is recorded of damage, where there is none. @throws Violation */
export async function mustBeSound({ records }: Stores, machine: MachineId): Promise<void> {
  const { verification, progress } = recordsIn(records);
  const [bad] = (await verification.get(machine))?.value.bad ?? [];
  if (bad) throw new Violation(`verify: point ${bad.point} was called bad: ${bad.code}: ${bad.message}`);
  const [refused] = (await progress.get(machine))?.value.resync?.refused ?? [];
  if (refused !== undefined) throw new Violation(`verify: generation ${refused} was refused as a base`);
}
