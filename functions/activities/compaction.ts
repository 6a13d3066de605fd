import { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import type { Generation, Micros } from "../../engine/core/units.ts";
import { unreadablePoint } from "../../engine/recovery/bad-point.ts";
import type { Layer } from "../../engine/journal/layer-document.ts";
import { noRetention, withBuilding, withLayer } from "../../engine/recovery/retention-record.ts";
import { standingOf, verificationFor, withBad } from "../../engine/recovery/verification.ts";
import { type Compacted, compact, planOf } from "../../engine/replication/compact.ts";
import { type Compaction, nextCompaction } from "../../engine/replication/compaction-plan.ts";
import { type EndingPoint, layerEnds } from "../../engine/replication/layer-ends.ts";
import { readDoom } from "../../engine/replication/doom.ts";
import { type HeldPoint, readBase } from "../../engine/replication/lineage.ts";
import { SLICES, type SliceLimits, compactSlices, inputBytes } from "../../engine/replication/slices.ts";
import { generationsOf, sourcesOf } from "../../engine/replication/sources.ts";
import { standingLayers } from "../../engine/replication/standing.ts";
import type { RetainResult } from "../../orchestrations/contract.ts";
import { type Decided, type RetentionServices, decide, isOver, placeOf } from "./retained-points.ts";
import { turnOf } from "./turn.ts";

/**
 * Builds the layers that kept points should have, generation by generation, until there is none left or the turn is over.
 * One that takes longer than a turn is built in pieces, behind everything that does not wait for it.
 */
export async function compactFor(
  services: RetentionServices,
  machine: MachineId,
  limits: SliceLimits = SLICES,
): Promise<RetainResult["state"]> {
  const decided = await decide(services, machine);
  if (!decided) return "ended";
  const isEnough = turnOf(services.clock);
  const large: Wanted[] = [];
  for (const [of, points] of candidatesOf(decided)) {
    const under = await layersUnder(services, decided, of);
    const based = decided.based.has(of);
    const scene: Scene = { machine, of, points, under, limits, large, based };
    for (
      let next = await buildNext(services, scene);
      next !== "none";
      next = await buildNext(services, scene)
    ) {
      if (next === "large") continue;
      if (await isOver(services, machine)) return "ended";
      if (isEnough()) return "more";
    }
  }
  const state = await goOn(services, large, { limits, isEnough });
  if (state === "done") await note(services, machine, undefined);
  return state;
}

type Candidate = HeldPoint & EndingPoint & { readonly time?: Micros };

/** Where layers may end: at good kept points, and at those that another generation stands on. */
function candidatesOf(decided: Decided): ReadonlyMap<Generation, Candidate[]> {
  const { points, retention, held, verification } = decided;
  const found = new Map<string, Candidate>();
  for (const point of held) found.set(placeOf(point), { ...point, settled: true });
  const manifests = new Map(points.map((point) => [placeOf(point), point]));
  for (const { point, every } of retention.keep) {
    const manifest = manifests.get(placeOf(point));
    if (!manifest || standingOf(verification, point) === "bad") continue;
    const settled = every > 0 || point.time <= retention.writesSince || found.has(placeOf(point));
    found.set(placeOf(point), { ...manifest, settled });
  }
  return Map.groupBy([...found.values()].toSorted(inOrder), ({ generation }) => generation);
}

const inOrder = (a: Candidate, b: Candidate): number =>
  a.generation - b.generation || a.sequence - b.sequence || a.position.next - b.position.next;

type Wanted = Compaction<Candidate>;

interface Scene {
  readonly machine: MachineId;
  readonly of: Generation;
  readonly points: Candidate[];
  readonly under: readonly Layer[];
  readonly limits: SliceLimits;
  /** The generation stood on another when it began. */
  readonly based: boolean;
  /** Those that are to be built in pieces. */
  readonly large: Wanted[];
}

const isSame = (a: Wanted, b: Wanted): boolean =>
  a.begin === b.begin && a.end.id === b.end.id && a.alone === b.alone;

/** `large`: it is for later. `none`: nothing else is to be built. */
async function buildNext(services: RetentionServices, scene: Scene): Promise<"built" | "large" | "none"> {
  const { machine, of, points, under, limits, large, based } = scene;
  const { target, clock, keyOf } = services;
  const layers = await standingLayers(target, machine, of);
  const isBusy = (one: Wanted) => large.some((other) => isSame(one, other));
  const leftBase = based && (await readDoom(target, machine, of)).doom.alone !== undefined;
  const next = nextCompaction(layerEnds(points, layers), layers, under, isBusy, leftBase);
  if (!next) return "none";
  const key = await keyOf(machine);
  const request = { objects: target, key, ...next, clock: () => clock.now() };
  const planned = await planOf(request);
  if (!("layer" in planned) && inputBytes(planned) > limits.oneGo) {
    large.push(next);
    return "large";
  }
  try {
    await noteBuilt(services, machine, await compact(request, planned));
  } catch (error) {
    await foundBad(services, next.end, error);
    points.splice(points.indexOf(next.end), 1);
  }
  return "built";
}

/** Goes on with the first of the large ones. */
async function goOn(
  services: RetentionServices,
  large: readonly Wanted[],
  { limits, isEnough }: { readonly limits: SliceLimits; readonly isEnough: () => boolean },
): Promise<"more" | "done"> {
  const { target, clock, keyOf } = services;
  for (const next of large) {
    const { machine } = next.end;
    const key = await keyOf(machine);
    const request = { objects: target, key, ...next, clock: () => clock.now(), limits, enough: isEnough };
    try {
      const sliced = await compactSlices(request);
      if (sliced === "given up") continue;
      if ("progress" in sliced) {
        await note(services, machine, { point: next.end.id, ...sliced.progress, at: clock.now() });
        return "more";
      }
      await noteBuilt(services, machine, sliced);
    } catch (error) {
      await foundBad(services, next.end, error);
    }
    return "more";
  }
  return "done";
}

async function noteBuilt(
  { records }: RetentionServices,
  machine: MachineId,
  { built }: Compacted,
): Promise<void> {
  if (!built) return;
  await records.retention.upsert(machine, (old = noRetention(machine)) =>
    withLayer(withBuilding(old, undefined), built),
  );
}

async function note(
  { records }: RetentionServices,
  machine: MachineId,
  now: Parameters<typeof withBuilding>[1],
): Promise<void> {
  const known = (await records.retention.get(machine))?.value;
  if (now === undefined && known?.building === undefined) return;
  await records.retention.upsert(machine, (old = noRetention(machine)) => withBuilding(old, now));
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
