import { LeewardError } from "../engine/core/errors.ts";
import type { Generation } from "../engine/core/units.ts";
import { type PointPlace, pointName } from "../engine/journal/names.ts";
import { disksIn } from "../engine/recovery/disk-size.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import type { ProgressRecord } from "../engine/recovery/progress.ts";
import { type VerificationRecord, standingOf } from "../engine/recovery/verification.ts";
import {
  type HeldPoint,
  type KeptBase,
  baseOf,
  createBase,
  lineageOf,
} from "../engine/replication/lineage.ts";
import { readPointAt } from "../engine/replication/points.ts";
import { healing, listHealed } from "./activities/healing.ts";
import type { Services } from "./services.ts";

type BaseServices = Pick<Services, "target" | "records" | "clock" | "keyOf">;

/** Manifests that are tried before everything is copied. */
const MOST_TRIED = 8;
/** A longer lineage costs each reader more than a full copy costs once. */
const MOST_STRETCHES = 64;

/**
 * Writes down on which point the generation stands: the newest of older generations that is not known to be bad; where one of
 * its generation is, the newest that was verified. What is damaged or gone is healed first: who chooses among the others would copy more. What old disks became the base of counts as a point here. Undefined
 * when there is none: everything is copied then.
 */
export async function chooseBase(
  services: BaseServices,
  item: ItemRecord,
  old: ProgressRecord | undefined,
): Promise<KeptBase | undefined> {
  const { target, records } = services;
  const known = (await records.verification.get(item.machine))?.value;
  const refused = new Set(old?.resync?.refused);
  const readable = [...(await listHealed(services, item.machine)), ...seedOf(old)]
    .toSorted((a, b) => a.generation - b.generation || a.sequence - b.sequence)
    .filter(({ generation }) => generation < item.generation && !refused.has(generation))
    .filter((place) => mayBeBase(known, place));
  for (const place of readable.slice(-MOST_TRIED).toReversed()) {
    const point = await soundPoint(services, item, place, refused);
    if (point) return createBase(target, baseOf(item.generation, point));
  }
  return undefined;
}

const seedOf = (old: ProgressRecord | undefined): HeldPoint[] =>
  old?.seed ? [{ machine: old.machine, ...old.seed }] : [];

/** A point that was not verified may have what was wrong with a later one. */
function mayBeBase(known: VerificationRecord | undefined, place: PointPlace): boolean {
  const standing = standingOf(known, place);
  return standing === "verified" || (standing === "unverified" && !hasBad(known, place.generation));
}

const hasBad = (known: VerificationRecord | undefined, of: Generation): boolean =>
  known?.bad.some(({ road, generation }) => road === "journal" && generation === of) ?? false;

/** The point, if its manifest, and the bases below it, can be read and it is of these disks, which may have grown since. */
async function soundPoint(
  services: BaseServices,
  item: ItemRecord,
  place: PointPlace | HeldPoint,
  refused: ReadonlySet<Generation>,
): Promise<HeldPoint | undefined> {
  try {
    const { target } = services;
    const healed = <Result>(read: () => Promise<Result>) => healing(services, item.machine, read);
    const point = "disks" in place ? place : await healed(() => pointAt(target, place));
    // Those of its own generation: what was added since is copied, what was removed since is left.
    const disks = disksIn(item, point.generation);
    const same =
      disks.length === point.disks.length &&
      disks.every(({ index, size }, n) => {
        const held = point.disks[n];
        return held?.index === index && held.size <= size;
      });
    const lineage = await healed(() => lineageOf(target, point));
    const readable = lineage.every(({ point: end }) => !refused.has(end.generation));
    return same && readable && lineage.length < MOST_STRETCHES ? point : undefined;
  } catch (error) {
    if (error instanceof LeewardError && error.class !== "retry") return undefined;
    throw error;
  }
}

const pointAt = (target: Services["target"], { machine, generation, sequence, id }: PointPlace) =>
  readPointAt(target, pointName(machine, generation, sequence, id));
