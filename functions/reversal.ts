import type { MachineId } from "../engine/core/ids.ts";
import { MIB, bytes, sequence } from "../engine/core/units.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { mappingKey, rowsOfReversal, withMapping } from "../engine/recovery/network-mapping.ts";
import type { ProgressRecord } from "../engine/recovery/progress.ts";
import { beginGeneration } from "../engine/recovery/replicating.ts";
import { beginningOn, withRefused } from "../engine/recovery/resync.ts";
import {
  type Terms,
  type Turn,
  beginReversal,
  seededAnew,
  takeOver,
  withSeed,
} from "../engine/recovery/reversal.ts";
import { BaseDigests, isOffered, withdrawDigests } from "../engine/replication/base-digests.ts";
import { type HeldPoint, readBase } from "../engine/replication/lineage.ts";
import { type SeedLimits, seed } from "../engine/replication/seed.ts";
import type { SeedDisk } from "../engine/replication/seed-reader.ts";
import { dropSeedStates } from "../engine/replication/seed-state.ts";
import { chooseBase } from "./base-choice.ts";
import { isUnreadable, offerBase } from "./base-offer.ts";
import { itemOf } from "./activities/tools.ts";
import { turnOf } from "./activities/turn.ts";
import type { Services } from "./services.ts";

type ReversalServices = Pick<Services, "records" | "target" | "keyOf" | "clock">;

/** Some minutes of an activity, and four segments' worth of memory. */
const SEED_LIMITS: SeedLimits = { segmentBytes: bytes(8 * MIB), maxBytes: bytes(16 * 1024 * MIB) };

/**
 * On the side that the machine was failed over to: it is given to the other direction. @throws as `beginReversal`; NotFound
 */
export async function giveAway(
  services: Pick<Services, "records" | "clock">,
  machine: MachineId,
  wanted: WantedTurn,
): Promise<ItemRecord> {
  const turn = await turnFor(services, machine, wanted);
  return services.records.items.update(itemKeyOf(machine), (old) => beginReversal(old, turn));
}

type WantedTurn = Pick<Turn, "failover" | "to" | "id" | "asked">;

/** As `giveAway` writes it down. */
export async function turnFor(
  { records, clock }: Pick<Services, "records" | "clock">,
  machine: MachineId,
  wanted: WantedTurn,
): Promise<Turn> {
  const last = (await records.progress.get(machine))?.value.arrived.sequence ?? sequence(0);
  return { ...wanted, sequence: last, now: clock.now() };
}

/**
 * On the side that is to replicate the machine from now on, in the region that it came from. Where its networks lead is
 * written first, for whoever plans the way back; rows that are there already stay. @throws as `takeOver`
 */
export async function receive(
  { records, clock }: Pick<Services, "records" | "clock">,
  given: ItemRecord,
  terms: Omit<Terms, "now">,
): Promise<ItemRecord> {
  if (given.state === "Reversed")
    for (const row of rowsOfReversal(given))
      await records.mappings.upsert(mappingKey(row.source), (old) => withMapping(old, row));
  return records.items.upsert(itemKeyOf(given.machine), (own) =>
    takeOver(own, given, { ...terms, now: clock.now() }),
  );
}

/** How far the old disks are a base. */
export interface Seeding {
  readonly state: "more" | "done" | "ended";
  /** Bytes of the disks that were compared, and of the blocks that were written. */
  readonly compared: number;
  readonly copied: number;
}

/**
 * One bounded turn of making the old disks the base of what is to come: the generation that was handed over with the
 * machine is written from them, on top of what this side's journal holds of it already, if anything. To be called until it
 * says `done`; agents are let in then. Any number of turns may be at work, and die anywhere.
 * @throws storage errors; what the readers of the disks throw
 */
export async function seedTurn(
  services: ReversalServices,
  machine: MachineId,
  disks: readonly SeedDisk[],
  limits: SeedLimits = SEED_LIMITS,
  enough = turnOf(services.clock),
): Promise<Seeding> {
  const item = await itemOf(services, machine);
  if (item.state !== "Reversing") return { state: "ended", compared: 0, copied: 0 };
  const progress = await begun(services, item);
  const { seed: known, arrived } = progress;
  // Begun again meanwhile: the next turn sees the item as it is now.
  if (arrived.generation > item.generation) return MORE;
  if (known?.generation === item.generation) return finish(services, item, MORE);
  try {
    const base = await offeredBase(services, progress, disks, enough);
    if (base === "more") return MORE;
    const key = await services.keyOf(machine);
    const clock = () => services.clock.now();
    const request = { objects: services.target, key, machine, start: arrived, disks, base, limits, clock };
    const { point, ...done } = await seed(request);
    if (!point) return { state: "more", ...done };
    await note(services, point);
    return await finish(services, item, done);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    await refuse(services, item);
    return MORE;
  }
}

const MORE: Seeding = { state: "more", compared: 0, copied: 0 };

/** The generation stands on the newest sound point of this side, or on empty disks. */
async function begun(services: ReversalServices, item: ItemRecord): Promise<ProgressRecord> {
  const { records, clock } = services;
  const { machine, generation: of, reversal } = item;
  const old = (await records.progress.get(machine))?.value;
  if (old && old.arrived.generation >= of) return old;
  const kept = await chooseBase(services, item, old);
  const beginning = { ...beginningOn(kept, old, "reversal", clock.now()), after: reversal?.sequence };
  return records.progress.upsert(machine, (before) =>
    before && before.arrived.generation >= of ? before : beginGeneration(machine, of, before, beginning),
  );
}

/** What the generation stands on, put beside it in pieces, in as many turns as that takes. Undefined for empty disks. */
async function offeredBase(
  services: ReversalServices,
  { machine, arrived: { generation: of }, resync }: ProgressRecord,
  disks: readonly SeedDisk[],
  enough: () => boolean,
): Promise<BaseDigests | "more" | undefined> {
  if (!resync?.base) return undefined;
  const { target, keyOf } = services;
  const kept = await readBase(target, machine, of);
  const place = { machine, generation: of };
  const there = kept && (await isOffered(target, place, disks));
  const offered = there
    ? { ...kept, complete: true }
    : await offerBase(services, place, disks, target, enough);
  if (!offered.complete) return "more";
  const { digest, base } = offered;
  const key = await keyOf(machine);
  return new BaseDigests({
    cache: () => target,
    key: () => key,
    place: { ...place, digest, id: base.point.id },
  });
}

/** The next generation follows on it, and may stand on it. */
const note = ({ records }: ReversalServices, { machine, ...point }: HeldPoint): Promise<ProgressRecord> =>
  records.progress.update(machine, (old) =>
    old.arrived.generation === point.generation
      ? { ...old, arrived: point.position, cut: point.position, seed: point }
      : old,
  );

/** What was only of use while the disks were read goes first: a turn that dies before the item has moved does it again. */
async function finish(
  { records, target, clock }: ReversalServices,
  { machine, generation: of }: ItemRecord,
  done: Pick<Seeding, "compared" | "copied">,
): Promise<Seeding> {
  await withdrawDigests(target, machine, of);
  await dropSeedStates(target, machine);
  const endedAt = clock.now();
  await records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of && old.resync.endedAt === undefined
      ? { ...old, resync: { ...old.resync, endedAt, sent: bytes(done.copied) } }
      : old,
  );
  await records.items.update(itemKeyOf(machine), (old) => withSeed(old, of));
  return { state: "done", ...done };
}

/** What leads to the base cannot be read: the next number stands on another. */
async function refuse({ records }: ReversalServices, { machine, generation: of }: ItemRecord): Promise<void> {
  const { seed: made } = await records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of && old.seed?.generation !== of
      ? { ...old, resync: withRefused(old.resync) }
      : old,
  );
  // Seed 51 of the simulation: another turn was done first, and took away what this one was still reading.
  if (made?.generation === of) return;
  await records.items.update(itemKeyOf(machine), (old) => seededAnew(old, of));
}
