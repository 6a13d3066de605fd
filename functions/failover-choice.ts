import { LeewardError } from "../engine/core/errors.ts";
import type { BarrierId, MachineId } from "../engine/core/ids.ts";
import type { Micros, Sequence } from "../engine/core/units.ts";
import type { PointPlace } from "../engine/journal/names.ts";
import type { Asked } from "../engine/recovery/begin.ts";
import type { BuildWish } from "../engine/recovery/build-wish.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { checkNotBad, defaultPoint, isGood, latestVerified } from "../engine/recovery/point-choice.ts";
import type { VerificationRecord } from "../engine/recovery/verification.ts";
import type { WantedMoment } from "../engine/recovery/wanted-moment.ts";
import { type Moment, findMoment } from "../engine/replication/moment.ts";
import { isUnreadable, readPoint, readPointAt } from "../engine/replication/points.ts";
import { nameOf } from "../engine/replication/reach.ts";
import { healing, listHealed } from "./activities/healing.ts";
import { passingOver } from "./activities/unreadable.ts";
import type { Services } from "./services.ts";

/** What a failover goes to when no point is named, and whether that may be bad. */
export interface FailoverChoice {
  readonly recoveryPointType?:
    | "Latest"
    | "LatestProcessed"
    | "LatestApplicationConsistent"
    | "LatestVerified"
    | undefined;
  readonly at?: Micros | undefined;
  readonly sequence?: Sequence | undefined;
  readonly acceptBadPoint: boolean;
}

interface Chosen {
  readonly point?: BarrierId;
  readonly moment?: WantedMoment;
}

/** How the target is to be built, of a request's own part; without what it leaves out. */
export const buildWish = ({ size, bootCheck, acceptUnfit }: BuildWish): BuildWish => ({
  ...(size !== undefined && { size }),
  ...(bootCheck && { bootCheck }),
  ...(acceptUnfit && { acceptUnfit }),
});

/**
 * What the failover is begun with: a point, or a state between points, which its plan finds again once the cache was
 * drained. Neither leaves it to the plan: the newest point that is not known to be bad.
 * @throws InvalidRequest when more than one is named; NoRecoveryPoint, MomentUnreachable, PointBad
 */
export async function chosenFor(
  services: Services,
  item: ItemRecord,
  asked: Asked,
  choice: FailoverChoice,
): Promise<Chosen> {
  const { records } = services;
  const { machine } = item;
  const moment = momentIn(asked, choice);
  const points = await listHealed(services, machine);
  if (points.length === 0)
    throw new LeewardError("NoRecoveryPoint", `machine ${machine} has no recovery point yet`);
  const known = (await records.verification.get(machine))?.value;
  if (moment) {
    const key = await services.keyOf(machine);
    const found = await passingOver(services, machine, ({ objects }) =>
      findMoment({ objects, machine, key }, moment),
    );
    if (!choice.acceptBadPoint) checkBehind(points, known, found);
    return { moment };
  }
  const named = asked.point
    ? pointNamed(points, asked.point)
    : await passingOver(services, machine, ({ isReadable }) =>
        newestOf(services, item, points.filter(isReadable), known, choice),
      );
  if (asked.point && named && !choice.acceptBadPoint) checkNotBad(named, known);
  return named ? { point: named.id } : {};
}

/** Nothing says what to fail over to. */
export const isOpen = ({ point }: Asked, { recoveryPointType, at, sequence }: FailoverChoice): boolean =>
  [point, recoveryPointType, at, sequence].every((each) => each === undefined);

/** Before anything changes: a named point is what is wanted, and no other. @throws ManifestDamaged, ManifestVersionUnknown */
export async function checkReadable(
  services: Services,
  { machine }: ItemRecord,
  point: BarrierId,
): Promise<void> {
  await healing(services, machine, () => readPoint(services.target, machine, point)).catch(
    (error: unknown) => {
      if (isUnreadable(error)) throw error;
    },
  );
}

function momentIn(
  { point }: Asked,
  { recoveryPointType, at, sequence }: FailoverChoice,
): WantedMoment | undefined {
  const named = [point, recoveryPointType, at, sequence].filter((each) => each !== undefined);
  if (named.length > 1)
    throw new LeewardError(
      "InvalidRequest",
      "only one of recoveryPointId, leeward.recoveryPointType, leeward.at and leeward.sequence may be given",
    );
  if (at !== undefined) return { kind: "instant", time: at };
  if (sequence !== undefined) return { kind: "write", sequence };
  return recoveryPointType === "Latest" ? { kind: "newest" } : undefined;
}

function pointNamed(points: readonly PointPlace[], id: BarrierId): PointPlace {
  const named = points.find((point) => point.id === id);
  if (named) return named;
  throw new LeewardError("NoRecoveryPoint", `machine ${points[0]?.machine} has no recovery point ${id}`);
}

/** The journal behind a bad point is mostly bad as well. */
function checkBehind(
  points: readonly PointPlace[],
  known: VerificationRecord | undefined,
  { generation, sequence }: Moment,
): void {
  const before = points.findLast((point) => point.generation === generation && point.sequence <= sequence);
  if (before) checkNotBad(before, known);
}

/** Of the kind that is wanted; undefined leaves it to the failover's plan. Reads its manifest. */
async function newestOf(
  { target, records }: Services,
  { machine, failover }: ItemRecord,
  points: readonly PointPlace[],
  known: VerificationRecord | undefined,
  { recoveryPointType }: FailoverChoice,
): Promise<PointPlace | undefined> {
  const read = (place: PointPlace) => readPointAt(target, nameOf(place));
  if (recoveryPointType === "LatestVerified") {
    const id = latestVerified(points, known);
    const found = points.find((point) => point.id === id) ?? none(machine, "verified");
    await read(found);
    return found;
  }
  if (recoveryPointType === "LatestProcessed" && failover) {
    // Left to the plan, a failover that is tried again would go on with the point that it had.
    const last = (await records.progress.get(machine))?.value.point?.id;
    const id = defaultPoint(points, known, last);
    return points.find((point) => point.id === id);
  }
  if (recoveryPointType !== "LatestApplicationConsistent") return undefined;
  for (const place of points.toReversed().filter((point) => isGood(point, known)))
    if ((await read(place)).consistency === "application") return place;
  return none(machine, "application-consistent");
}

function none(machine: MachineId, kind: string): never {
  throw new LeewardError("NoRecoveryPoint", `machine ${machine} has no ${kind} recovery point yet`);
}
