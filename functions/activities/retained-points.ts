import { LeewardError } from "../../engine/core/errors.ts";
import type { BarrierId, MachineId } from "../../engine/core/ids.ts";
import type { Generation, Micros } from "../../engine/core/units.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { replicaRebuildName } from "../../engine/journal/names.ts";
import { ROADS } from "../../engine/recovery/bad-point.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { retainedOf } from "../../engine/recovery/retained.ts";
import { type Retention, agingTime, retain } from "../../engine/recovery/retention.ts";
import { type RetentionRecord, noRetention } from "../../engine/recovery/retention-record.ts";
import { STATES } from "../../engine/recovery/state.ts";
import type { VerificationRecord } from "../../engine/recovery/verification.ts";
import { readDoom } from "../../engine/replication/doom.ts";
import { lacksBase } from "../../engine/replication/heal.ts";
import { type HeldPoint, type KeptBase, heldPoints, listBases } from "../../engine/replication/lineage.ts";
import { listKeptGroupPoints } from "../../engine/replication/group-points.ts";
import { surveyPoints } from "../../engine/replication/points.ts";
import { readRebuild } from "../../engine/replication/rebuilds.ts";
import { readVerification } from "../../engine/replication/verifications.ts";
import type { Services } from "../services.ts";
import { itemOf, progressOf } from "./tools.ts";
import { noteUnreadable } from "./unreadable.ts";

export type RetentionServices = Pick<Services, "target" | "records" | "clock" | "keyOf">;

/** Everything that the steps of retention decide on. */
export interface Decided {
  readonly item: ItemRecord;
  readonly progress: ProgressRecord;
  readonly verification: VerificationRecord | undefined;
  readonly record: RetentionRecord;
  /** Every point that has a manifest, in the order of the journal. */
  readonly points: readonly RecoveryPoint[];
  readonly retention: Retention;
  /** Points that a needed generation stands on, with or without a manifest. */
  readonly held: readonly HeldPoint[];
  /** Generations that stand on a point of an older one, whether or not they still need it. */
  readonly based: ReadonlySet<Generation>;
}

/** A barrier that was set once more in a newer generation gave two points one id. */
export const placeOf = ({ generation, id }: Pick<RecoveryPoint, "generation" | "id">): string =>
  `${generation}/${id}`;

/** The test that there is was built from it, or is going to be. */
export const isTested = (
  { test }: ItemRecord,
  { generation, id }: Pick<RecoveryPoint, "generation" | "id">,
): boolean =>
  test?.chosen ? test.chosen.point === id && test.chosen.generation === generation : test?.point === id;

/** Of the state between points that a test is built from; once it is built, nothing needs the journal for it any more. */
const writeWanted = ({ test }: ItemRecord): Micros | undefined =>
  test?.chosen?.position && test.endTime === undefined ? test.chosen.pointTime : undefined;

/** Undefined when the machine is no longer replicated: a failover needs its storage as it is. */
export async function decide(services: RetentionServices, machine: MachineId): Promise<Decided | undefined> {
  const { target, records, clock } = services;
  const item = await itemOf(services, machine);
  if (!STATES[item.state].replicating) return undefined;
  const progress = await progressOf(services, machine);
  const verification = (await records.verification.get(machine))?.value;
  const record = (await records.retention.get(machine))?.value ?? noRetention(machine);
  const { points, unreadable } = await surveyPoints(target, machine);
  await noteUnreadable(services, machine, unreadable);
  // What it needs, and how old it is, nobody knows: nothing is given up meanwhile.
  if (unreadable[0]) throw unreadable[0].error;
  const common = await commonPoints(services, machine);
  const awaited = await awaitedPoint(services, item);
  const compared = await comparedPoints(services, item);
  const retained = points.map((point) => ({
    ...retainedOf(point, verification),
    common: common.has(point.id),
    awaited: awaited === placeOf(point),
    compared: compared.has(placeOf(point)),
    tested: isTested(item, point),
  }));
  const aging = agingTime(retained, clock.now());
  const retention = retain(retained, item.policy.retention, aging, writeWanted(item));
  const bases = await listBases(target, machine);
  const begun = progress.arrived.generation;
  const live = new Set<Generation>([
    begun,
    item.generation,
    ...points.map(({ generation }) => generation),
    ...bases.map(({ base }) => base.generation).filter((of) => of >= begun),
  ]);
  await checkBases(services, progress, live, bases);
  const alone = await aloneAmong(services, bases);
  const held = heldPoints(bases, live, alone);
  const based = new Set(bases.map(({ base }) => base.generation));
  return { item, progress, verification, record, points, retention, held, based };
}

/**
 * What a lost document says is needed must not be taken for needless, nor what a changed one says for needed. The digest that the
 * record knows of the newest generation's need not be read; two reads for each other generation.
 * @throws BaseMissing
 */
async function checkBases(
  { target }: Pick<RetentionServices, "target">,
  { machine, arrived, resync }: ProgressRecord,
  live: ReadonlySet<Generation>,
  bases: readonly KeptBase[],
): Promise<void> {
  const digests = new Map(bases.map(({ base, digest }) => [base.generation, digest]));
  for (const of of live) {
    const there = digests.get(of);
    if (there !== undefined && of === arrived.generation && there === resync?.base?.digest) continue;
    if (await lacksBase(target, machine, of, there))
      throw new LeewardError(
        "BaseMissing",
        `generation ${of} of ${machine} has not the base document that it names`,
      );
  }
}

/** Generations whose layers do without what they stand on. One GET for each. */
async function aloneAmong(
  { target }: Pick<RetentionServices, "target">,
  bases: readonly KeptBase[],
): Promise<ReadonlySet<Generation>> {
  const alone = new Set<Generation>();
  for (const {
    base: { machine, generation },
  } of bases) {
    const { doom } = await readDoom(target, machine, generation);
    if (doom.alone !== undefined) alone.add(generation);
  }
  return alone;
}

/** What turns of verification have begun with, in the generation that is verified now. */
async function comparedPoints({ target }: RetentionServices, item: ItemRecord): Promise<Set<string>> {
  const { machine, generation } = item;
  const kept = await Promise.all(ROADS.map((road) => readVerification(target, machine, road)));
  const points = kept.flatMap((one) => (one ? [one.verification.point] : []));
  return new Set(points.filter((point) => point.generation === generation).map(placeOf));
}

/** What the replica is being brought to, over many turns: who goes on with it looks for that very point. */
async function awaitedPoint({ target }: RetentionServices, item: ItemRecord): Promise<string | undefined> {
  if (item.policy.replica === "none") return undefined;
  const rebuild = await readRebuild(target, replicaRebuildName(item.machine));
  return rebuild && placeOf(rebuild.point);
}

/**
 * What points of groups are made of, whether the machine still belongs to the group or not: a barrier has one id on all that were
 * asked for it, so the points' names say it, and no manifest is read. Call with the machine's
 * points in hand: one of these that is being made is seen by its barrier, which goes only when its manifest is there.
 */
async function commonPoints(
  { records, target }: RetentionServices,
  machine: MachineId,
): Promise<ReadonlySet<BarrierId>> {
  const barriers = (await records.barriers.get(machine))?.value.pending ?? [];
  const common = new Set(barriers.flatMap(({ id, instant }) => (instant ? [id] : [])));
  for await (const { group, failover } of records.groups.list()) {
    // It waits for the very point that it chose.
    if (failover?.begun === false) common.add(failover.point);
    const { there, lost } = await listKeptGroupPoints(target, group);
    for (const { id } of [...there, ...lost]) common.add(id);
  }
  return common;
}

/** Whether somebody, such as a failover, wants the machine's storage as it is from now on. */
export const isOver = async (services: Pick<Services, "records">, machine: MachineId): Promise<boolean> =>
  !STATES[(await itemOf(services, machine)).state].replicating;
