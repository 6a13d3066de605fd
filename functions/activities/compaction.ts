import type { MachineId } from "../../engine/core/ids.ts";
import type { Generation } from "../../engine/core/units.ts";
import { noRetention, withLayer } from "../../engine/recovery/retention-record.ts";
import { standingOf } from "../../engine/recovery/verification.ts";
import { compact } from "../../engine/replication/compact.ts";
import { nextCompaction } from "../../engine/replication/compaction-plan.ts";
import { type EndingPoint, layerEnds } from "../../engine/replication/layer-ends.ts";
import type { HeldPoint } from "../../engine/replication/lineage.ts";
import { standingLayers } from "../../engine/replication/standing.ts";
import type { RetainResult } from "../../orchestrations/contract.ts";
import { type Decided, type RetentionServices, decide, isOver } from "./retained-points.ts";

/** One turn stays well below an activity's time-out, unless a single layer takes longer. */
const TURN = 180 * 1e6;

/** Builds the layers that kept points should have, generation by generation, until there is none left or the turn is over. */
export async function compactFor(
  services: RetentionServices,
  machine: MachineId,
): Promise<RetainResult["state"]> {
  const decided = await decide(services, machine);
  if (!decided) return "ended";
  const end = services.clock.now() + TURN;
  for (const [of, points] of candidatesOf(decided))
    while (await buildNext(services, machine, of, points)) {
      if (await isOver(services, machine)) return "ended";
      if (services.clock.now() >= end) return "more";
    }
  return "done";
}

type Candidate = HeldPoint & EndingPoint;

/** Where layers may end: at good kept points, and at those that another generation stands on. */
function candidatesOf(decided: Decided): ReadonlyMap<Generation, readonly Candidate[]> {
  const { points, retention, held, verification } = decided;
  const found = new Map<string, Candidate>();
  for (const point of held) found.set(point.id, { ...point, settled: true });
  const manifests = new Map(points.map((point) => [point.id, point]));
  for (const { point, every } of retention.keep) {
    const manifest = manifests.get(point.id);
    if (!manifest || standingOf(verification, point) === "bad") continue;
    const settled = every > 0 || point.time <= retention.writesSince || found.has(point.id);
    found.set(point.id, { ...manifest, settled });
  }
  return Map.groupBy([...found.values()].toSorted(inOrder), ({ generation }) => generation);
}

const inOrder = (a: Candidate, b: Candidate): number =>
  a.generation - b.generation || a.sequence - b.sequence || a.position.next - b.position.next;

/** False when nothing is to be built. */
async function buildNext(
  { target, records, clock, keyOf }: RetentionServices,
  machine: MachineId,
  of: Generation,
  points: readonly Candidate[],
): Promise<boolean> {
  const layers = await standingLayers(target, machine, of);
  const next = nextCompaction(layerEnds(points, layers), layers);
  if (!next) return false;
  const key = await keyOf(machine);
  const { built } = await compact({ objects: target, key, ...next, clock: () => clock.now() });
  if (built) await records.retention.upsert(machine, (old = noRetention(machine)) => withLayer(old, built));
  return true;
}
