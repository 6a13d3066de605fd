import { LeewardError } from "../engine/core/errors.ts";
import type { BarrierId } from "../engine/core/ids.ts";
import type { Micros, Sequence } from "../engine/core/units.ts";
import type { PointPlace } from "../engine/journal/names.ts";
import type { Asked } from "../engine/recovery/begin.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { checkNotBad, latestVerified } from "../engine/recovery/point-choice.ts";
import { type VerificationRecord, standingOf } from "../engine/recovery/verification.ts";
import type { WantedMoment } from "../engine/recovery/wanted-moment.ts";
import { type Moment, findMoment } from "../engine/replication/moment.ts";
import { readPointAt } from "../engine/replication/points.ts";
import { nameOf } from "../engine/replication/reach.ts";
import { healing, listHealed } from "./activities/healing.ts";
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
  const { target, records } = services;
  const { machine } = item;
  const moment = momentIn(asked, choice);
  const points = await listHealed(services, machine);
  if (points.length === 0)
    throw new LeewardError("NoRecoveryPoint", `machine ${machine} has no recovery point yet`);
  const known = (await records.verification.get(machine))?.value;
  if (moment) {
    const found = await findMoment({ objects: target, machine, key: await services.keyOf(machine) }, moment);
    if (!choice.acceptBadPoint) checkBehind(points, known, found);
    return { moment };
  }
  const named = asked.point
    ? pointNamed(points, asked.point)
    : await newestOf(services, points, known, choice);
  if (asked.point && named && !choice.acceptBadPoint) checkNotBad(named, known);
  return named ? { point: named.id } : {};
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

/** Of the kind that is wanted; undefined leaves it to the failover's plan. */
async function newestOf(
  services: Services,
  points: readonly PointPlace[],
  known: VerificationRecord | undefined,
  { recoveryPointType }: FailoverChoice,
): Promise<PointPlace | undefined> {
  if (recoveryPointType === "LatestVerified") {
    const id = latestVerified(points, known);
    return points.find((point) => point.id === id) ?? none(points, "verified");
  }
  if (recoveryPointType !== "LatestApplicationConsistent") return undefined;
  for (const place of points.toReversed()) {
    const read = () => readPointAt(services.target, nameOf(place));
    const { consistency } = await healing(services, place.machine, read);
    if (consistency === "application" && isGood(place, known)) return place;
  }
  return none(points, "application-consistent");
}

function isGood(place: PointPlace, known: VerificationRecord | undefined): boolean {
  return ["verified", "unverified"].includes(standingOf(known, place));
}

function none(points: readonly PointPlace[], kind: string): never {
  throw new LeewardError(
    "NoRecoveryPoint",
    `machine ${points[0]?.machine} has no ${kind} recovery point yet`,
  );
}
