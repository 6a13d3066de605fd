import { LeewardError } from "../core/errors.ts";
import type { BarrierId } from "../core/ids.ts";
import type { PointPlace } from "../journal/names.ts";
import { type VerificationRecord, standingOf } from "./verification.ts";

/**
 * The point that a failover takes when none is named: the newest that is neither bad nor suspect. Of several that hold
 * the same writes, `last` where it is among them.
 * @param points ascending by generation, then by sequence
 * @param last the point that was made last
 */
export function defaultPoint(
  points: readonly PointPlace[],
  known: VerificationRecord | undefined,
  last: BarrierId | undefined,
): BarrierId | undefined {
  const good = points.filter((point) => isGood(point, known));
  const newest = good.at(-1);
  const same = good.filter(
    ({ generation, sequence }) => generation === newest?.generation && sequence === newest.sequence,
  );
  return (same.find(({ id }) => id === last) ?? newest)?.id;
}

/** Neither bad nor suspect. */
export const isGood = (point: PointPlace, known: VerificationRecord | undefined): boolean =>
  ["verified", "unverified"].includes(standingOf(known, point));

/** The newest point that was verified. */
export const latestVerified = (
  points: readonly PointPlace[],
  known: VerificationRecord | undefined,
): BarrierId | undefined => points.findLast((point) => standingOf(known, point) === "verified")?.id;

/** @throws PointBad for a point that is bad or suspect */
export function checkNotBad(point: PointPlace, known: VerificationRecord | undefined): void {
  if (isGood(point, known)) return;
  const why =
    standingOf(known, point) === "bad" ? "was found bad" : "was made after a bad one and was not verified";
  throw new LeewardError(
    "PointBad",
    `point ${point.id} of machine ${point.machine} ${why}; send properties.leeward.acceptBadPoint to use it all the same`,
  );
}
