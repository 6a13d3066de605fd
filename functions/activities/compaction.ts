import { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import type { Generation, Micros } from "../../engine/core/units.ts";
import { unreadablePoint } from "../../engine/recovery/bad-point.ts";
import type { Layer } from "../../engine/journal/layer-document.ts";
import { noRetention, withLayer } from "../../engine/recovery/retention-record.ts";
import { standingOf, verificationFor, withBad } from "../../engine/recovery/verification.ts";
import { compact } from "../../engine/replication/compact.ts";
import { nextCompaction } from "../../engine/replication/compaction-plan.ts";
import { type EndingPoint, layerEnds } from "../../engine/replication/layer-ends.ts";
import { type HeldPoint, readBase } from "../../engine/replication/lineage.ts";
import { generationsOf, sourcesOf } from "../../engine/replication/sources.ts";
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
  for (const [of, points] of candidatesOf(decided)) {
    const under = await layersUnder(services, decided, of);
    while (await buildNext(services, machine, of, { points, under })) {
      if (await isOver(services, machine)) return "ended";
      if (services.clock.now() >= end) return "more";
    }
  }
  return "done";
}

type Candidate = HeldPoint & EndingPoint & { readonly time?: Micros };

/** Where layers may end: at good kept points, and at those that another generation stands on. */
function candidatesOf(decided: Decided): ReadonlyMap<Generation, Candidate[]> {
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
  services: RetentionServices,
  machine: MachineId,
  of: Generation,
  { points, under }: { readonly points: Candidate[]; readonly under: readonly Layer[] },
): Promise<boolean> {
  const { target, records, clock, keyOf } = services;
  const layers = await standingLayers(target, machine, of);
  const next = nextCompaction(layerEnds(points, layers), layers, under);
  if (!next) return false;
  const key = await keyOf(machine);
  try {
    const { built } = await compact({ objects: target, key, ...next, clock: () => clock.now() });
    if (built) await records.retention.upsert(machine, (old = noRetention(machine)) => withLayer(old, built));
  } catch (error) {
    await foundBad(services, next.end, error);
    points.splice(points.indexOf(next.end), 1);
  }
  return true;
}

/** The way to what a generation stands on; none when it began with empty disks, or needs that no more. */
async function layersUnder(
  { target }: RetentionServices,
  { item: { machine }, held }: Decided,
  of: Generation,
): Promise<Layer[]> {
  const kept = await readBase(target, machine, of);
  if (!kept || !held.some(({ id }) => id === kept.base.point.id)) return [];
  const sources = await sourcesOf(target, { machine, ...kept.base.point });
  return [...generationsOf(sources)].toReversed().flatMap(({ layers }) => layers);
}

/** Notes that a point is not what the source had: no layer ends there, and retention takes others before it. */
async function foundBad(
  { records, clock }: RetentionServices,
  { machine, ...point }: Candidate,
  error: unknown,
): Promise<void> {
  // What nobody names as a point any more, or is of an older generation, has no place in the record.
  if (!(error instanceof LeewardError) || error.code !== "PointBad" || point.time === undefined) throw error;
  const bad = unreadablePoint({ ...point, time: point.time }, error, clock.now());
  const { bad: known } = await records.verification.upsert(machine, (old) =>
    withBad(verificationFor(old, machine, point.generation, clock.now()), bad),
  );
  if (!known.some((one) => one.point === point.id)) throw error;
}
