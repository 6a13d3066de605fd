import { checkpointAt, checkpointFor } from "../../functions/activities/checkpoint.ts";
import { replicationActivities, cutArrived, shipFrom } from "../../functions/activities/replication.ts";
import { compactFor } from "../../functions/activities/compaction.ts";
import { healing } from "../../functions/activities/healing.ts";
import { resyncActivities } from "../../functions/activities/resync.ts";
import { retentionActivities } from "../../functions/activities/retention.ts";
import { itemOf, progressOf } from "../../functions/activities/tools.ts";
import type { Services } from "../../functions/services.ts";
import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type DiskIndex, MIB, bytes, micros } from "../../engine/core/units.ts";
import type { DataKey } from "../../engine/journal/key.ts";
import { segmentName } from "../../engine/journal/names.ts";
import { sourceOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { withShipped } from "../../engine/recovery/replicating.ts";
import { offerDigests } from "../../engine/replication/base-digests.ts";
import { readBase } from "../../engine/replication/lineage.ts";
import { cut as cutPoints, newestPoint, readPoints } from "../../engine/replication/points.ts";
import { releaseCache } from "../../engine/replication/release.ts";
import { type ShipLimits, ship } from "../../engine/replication/ship.ts";
import type { SliceLimits } from "../../engine/replication/slices.ts";
import { blockDigestsAt, imageDigests } from "../../engine/replication/verify.ts";
import { type ObjectStore, etagOf } from "../../engine/storage/store.ts";
import { collect } from "../fixtures/collect.ts";
import type { Dice } from "./dice.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { instead } from "./instead.ts";
import type { Mutation } from "./mutations.ts";
import type { Stores } from "./stores.ts";

/** What a process of the control plane has: its own way to the storage. */
export interface Plane {
  readonly machine: MachineId;
  readonly services: Services;
  readonly stores: Stores;
  /** What is really there, to be judged by. */
  readonly truly: Stores;
  readonly dice: Dice;
  readonly step: Mutation["step"];
  /** Hardly anything is packed, so that there are objects enough for some of them to be needless. */
  readonly packsLittle: boolean;
  /** The disks that were to be the base, as they are now. */
  readonly oldDisks: readonly Buffer[];
}

/** What the activities here reach of the world; anything else would be undefined and fail. */
export const servicesOver = (stores: Stores, key: DataKey, clock: Clock): Services => ({
  ...Object.create(null),
  clock,
  records: recordsIn(stores.records),
  target: stores.target,
  objectsAt: () => stores.cache,
  pagesAt: () => stores.pages,
  keyOf: async () => key,
  cacheAccess: async () => ({ containerUrl: "https://cache.test/leeward", expires: micros(4e15) }),
});

/** Orchestrations are begun by the simulation itself. */
const HUB = { getStatus: async () => ({ runtimeStatus: "Running" }), raiseEvent: async () => undefined };

export const toolsOf = (services: Services) => ({
  services,
  client: Object.assign(Object.create(null), HUB),
});

/** One turn of `orchestrations/replicate.ts`: ship, cut, and a checkpoint when it is due, which is said by returning true. */
export async function replicate(plane: Plane): Promise<boolean> {
  const { machine, services, dice } = plane;
  return noting(plane, async () => {
    if (plane.step === "blind-ship") await shipBlindly(plane);
    if (plane.packsLittle || dice.chance(0.5)) {
      await shipSmall(plane);
      await cut(plane);
      return true;
    }
    const shipped = await replicationActivities.ship({ machine }, toolsOf(services));
    if (shipped.state === "ended") return false;
    if (shipped.marks) await cut(plane);
    return shipped.checkpointDue;
  });
}

/** As `ship`, with limits of an app of another size: packs begin and end elsewhere. */
async function shipSmall({ machine, services, stores, dice, packsLittle }: Plane): Promise<void> {
  const item = await itemOf(services, machine);
  const before = await progressOf(services, machine);
  const limits: ShipLimits = {
    objectBytes: bytes(1 + dice.below(packsLittle ? 8000 : 40_000)),
    maxBytes: bytes(dice.chance(0.5) ? MIB : 1 + dice.below(20_000)),
    parallel: 1 + dice.below(3),
  };
  if (!STATES[item.state].replicating || before.arrived.generation !== item.generation) return;
  const shipped = await shipFrom(services, stores.cache, before, limits);
  await services.records.progress.update(machine, (old) => withShipped(old, shipped));
  if (shipped.segments > 0) await releaseCache(stores.cache, machine, before.arrived, shipped.position);
}

/** Also alone: two may be at work, and one may come late. */
export async function cut(plane: Plane): Promise<void> {
  const { machine, services, stores } = plane;
  if (plane.step === "early-manifest") return cutEarly(plane);
  const item = await itemOf(services, machine);
  const found = await stores.records.get("progress", machine);
  if (found) await cutArrived(services, item);
}

/** The activity, and what the orchestration does with its failures. */
export const checkpoint = (plane: Plane): Promise<boolean> =>
  noting(plane, async () => {
    if (plane.step === "early-applied") await applyEarly(plane);
    for (let more = true; more;)
      ({ more } = await checkpointFor(plane.services, plane.machine, shortTurn(plane)));
    return false;
  });

/** So short that a kill falls between any two of them. */
export function shortTurn({ dice }: Plane, most = 12): () => boolean {
  let left = 1 + dice.below(most);
  return () => --left <= 0;
}

/** One turn of `orchestrations/resync.ts`. */
export async function tendResync(plane: Plane): Promise<void> {
  const { machine, services } = plane;
  if (plane.step === "wrong-base") await offerOther(plane);
  else if (plane.step === "stale-base" && plane.oldDisks.length > 0) await offerPresent(plane);
  else await resyncActivities.tendResync({ machine }, toolsOf(services));
}

/** What the newest point of the base's generation held, whichever is the base: see `onOlderBase`. */
async function offerOther({ machine, services, stores }: Plane): Promise<void> {
  const progress = await progressOf(services, machine);
  const { generation: of } = progress.arrived;
  const kept = await readBase(stores.target, machine, of);
  if (!kept || progress.resync?.offered !== false) return;
  const { base, digest } = kept;
  const others = await readPoints(stores.target, machine);
  const other = others.findLast(({ generation }) => generation === base.point.generation) ?? base.point;
  const key = await services.keyOf(machine);
  const digests = await blockDigestsAt({ objects: stores.target, key, point: { machine, ...other } });
  const place = { machine, generation: of, digest, id: base.point.id };
  await offerDigests({ cache: stores.cache, key, place, disks: base.point.disks, digests });
  await services.records.progress.update(machine, (old) =>
    old.resync ? { ...old, resync: { ...old.resync, offered: true } } : old,
  );
}

/** What the old disks hold by now, whatever was read of them. */
async function offerPresent({ machine, services, stores, oldDisks }: Plane): Promise<void> {
  const progress = await progressOf(services, machine);
  const { generation: of } = progress.arrived;
  const kept = await readBase(stores.target, machine, of);
  if (!kept || progress.resync?.offered !== false) return;
  const { base, digest } = kept;
  const digests = new Map<DiskIndex, Uint8Array>();
  for (const { index, size } of base.point.disks) {
    const disk = oldDisks[index] ?? Buffer.alloc(size);
    digests.set(index, await imageDigests(async (at, length) => disk.subarray(at, at + length), size));
  }
  const key = await services.keyOf(machine);
  const place = { machine, generation: of, digest, id: base.point.id };
  await offerDigests({ cache: stores.cache, key, place, disks: base.point.disks, digests });
  await services.records.progress.update(machine, (old) =>
    old.resync ? { ...old, resync: { ...old.resync, offered: true } } : old,
  );
}

/** One round of `orchestrations/retain.ts`: what fails is tried again by the next. */
export async function retain({ machine, services, dice, packsLittle }: Plane): Promise<void> {
  for (const step of ["thin", "compact", "sweep"] as const)
    for (let turn = 0; turn < 5; turn++) {
      const { state } =
        step === "compact" && packsLittle
          ? { state: await compactFor(services, machine, sliceLimits(dice)) }
          : await retentionActivities[step]({ machine }, toolsOf(services));
      if (state === "ended") return;
      if (state !== "more") break;
    }
}

/** Most layers are large here: built in pieces, over many turns, by whoever comes. */
const sliceLimits = (dice: Dice): SliceLimits => ({
  oneGo: bytes(dice.pick([0, 0, 20_000, 200_000]) ?? 0),
  chunk: bytes(4000 + dice.below(60_000)),
  runPart: bytes(2000 + dice.below(10_000)),
  layerPart: bytes(4000 + dice.below(20_000)),
  save: bytes(4000 + dice.below(40_000)),
  fanIn: 2 + dice.below(4),
});

/** Services that do not see the newer half of the points. */
export function onOlderBase(services: Services): Services {
  const { target } = services;
  const list: ObjectStore["list"] = async function* (prefix) {
    const all = await collect(target.list(prefix));
    yield* prefix.endsWith("/points/") ? all.slice(0, Math.ceil(all.length / 2)) : all;
  };
  return { ...services, target: instead(target, { list }) };
}

/** Brings the replica to a point of its own choice, as a late run does that was asked for it long ago. */
export async function lateCheckpoint(plane: Plane): Promise<void> {
  const { machine, services } = plane;
  const item = await itemOf(services, machine);
  if (!STATES[item.state].replicating) return;
  const newest = await healing(services, machine, () => newestPoint(services.target, machine));
  if (newest) await healing(services, machine, () => checkpointAt(services, item, newest, shortTurn(plane)));
}

/** A failure that may pass is left to the next turn; any other is written down, and stops replication. */
async function noting({ machine, services }: Plane, work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LeewardError)) throw error;
    const { code, message } = error;
    if (code === "FenceLost" || code === "NotFound") return false;
    const stopped = error.class !== "retry";
    await replicationActivities.noteHealth(
      { machine, problem: { code, message }, stopped },
      toolsOf(services),
    );
    return false;
  }
}

async function shipBlindly({ machine, services, stores }: Plane): Promise<void> {
  const { arrived } = await progressOf(services, machine);
  const name = segmentName(machine, arrived.generation, arrived.next);
  const found = await stores.cache.get(name, "unchecked");
  // A chain that is not checked takes whatever is there, also what came damaged.
  if (found) await stores.target.put(name, found.body, "absent").catch(exists);
}

function exists(error: unknown): undefined {
  if (!hasCode(error, "ObjectExists")) throw error;
}

async function cutEarly({ machine, services, stores }: Plane): Promise<void> {
  const { arrived, marked: before, pending } = await progressOf(services, machine);
  const nothing = { seconds: 0, bytes: bytes(0), writes: 0 };
  // What is still in the cache counts as if it had been carried.
  const target = overlaid(stores.target, stores.cache);
  const limits = { objectBytes: bytes(1), maxBytes: bytes(MIB), parallel: 1 };
  const shipped = await ship({ ...stores, target, machine, from: arrived, limits });
  const key = await services.keyOf(machine);
  const { disks } = sourceOf(await itemOf(services, machine));
  const lossesAt = () => ({ vm: nothing, region: nothing });
  const marked = [...before, ...shipped.marked];
  await cutPoints({ target, key, machine, disks, marked, pending, lossesAt });
}

/** The store, with the other's objects where it has none; it takes no segments. */
const overlaid = (store: ObjectStore, other: ObjectStore): ObjectStore => ({
  get: async (name, check) => (await store.get(name, check)) ?? other.get(name, check),
  put: async (name, body, condition) =>
    name.endsWith(".seg") ? etagOf("nowhere") : store.put(name, body, condition),
  list: (prefix) => store.list(prefix),
  delete: (names) => store.delete(names),
  ensureContainer: () => store.ensureContainer(),
});

async function applyEarly({ machine, services }: Plane): Promise<void> {
  const { point } = await progressOf(services, machine);
  const newest = point && (await newestPoint(services.target, machine, point.generation));
  if (newest)
    await services.records.progress.update(machine, (old) => ({ ...old, applied: newest.position }));
}
