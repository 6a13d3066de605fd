import { z } from "zod";
import { type BarrierId, type MachineId, barrierId, machineId } from "../core/ids.ts";
import { copies } from "../core/copies.ts";
import { checked } from "../core/schema.ts";
import { type Generation, type Micros, bytes, generation, micros, sequence } from "../core/units.ts";
import { markOf } from "../journal/position.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { journalPosition } from "../journal/position.ts";
import { type BadPoint, type Road, badPoint } from "./bad-point.ts";
import { type Scrub, newScrub } from "./scrub.ts";

const time = z.number().transform(checked(micros));
const count = z.number().int().nonnegative();

const verifiedPoint = z.object({
  id: z.string().transform(checked(barrierId)),
  generation: z.number().transform(checked(generation)),
  sequence: z.number().transform(checked(sequence)),
  time,
  /** Of data in the generation, counted to the point's proof, and what of it comparisons had copied. */
  bytes: z.number().transform(checked(bytes)),
  copied: copies.optional(),
  /** Where the next verification begins: see `Since`. */
  scanned: journalPosition,
});

const road = z.object({
  /** The newest point of the generation that was found good on this road. */
  point: verifiedPoint.optional(),
  scrub: z.object({ next: count, since: time, wholeAt: time.optional() }),
  /** A comparison that is done in turns: up to where the scrub will be behind it, and how far it is. */
  underway: z
    .object({ point: z.string().transform(checked(barrierId)), end: count, compared: count, blocks: count })
    .optional(),
});
export type RoadState = z.infer<typeof road>;

/** What is known of the truth of a machine's points. Kind `verification`; but for the wish written by verification alone. */
export const verificationRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** Of both roads; a new one is verified from its start. */
  generation: z.number().transform(checked(generation)),
  journal: road,
  replica: road,
  /** Points whose journal was found good, newest last, at most `MOST_VERIFIED`. */
  verified: z.array(z.string().transform(checked(barrierId))),
  /** Newest last, at most `MOST_BAD`. */
  bad: z.array(badPoint),
  /** When verification last ended, well or not. */
  attemptedAt: time.optional(),
  /** What keeps verification from its work. */
  problem: z.object({ code: z.string(), message: z.string(), since: time }).optional(),
  /** The newest resync that verification asked for; `begun` when the generation was ended for it. */
  resync: z
    .object({ generation: z.number().transform(checked(generation)), requestedAt: time, begun: z.boolean() })
    .optional(),
  /** Someone asked for a comparison of the point of this write before it is due; gone once the journal was compared so far. */
  wish: z.object({ at: time, sequence: z.number().transform(checked(sequence)) }).optional(),
});
export type VerificationRecord = z.infer<typeof verificationRecord>;

const MOST_VERIFIED = 500;
const MOST_BAD = 20;

/** The record of this generation: a newer one begins anew, and keeps what is known of older points. */
export function verificationFor(
  old: VerificationRecord | undefined,
  machine: MachineId,
  of: Generation,
  now: Micros,
): VerificationRecord {
  if (old && old.generation >= of) return old;
  const fresh = () => ({ scrub: newScrub(now) });
  const { problem: _, wish: __, ...kept } = old ?? { format: 1 as const, machine, verified: [], bad: [] };
  return { ...kept, generation: of, journal: fresh(), replica: fresh() };
}

/** Notes how far a comparison in turns is, unless the record is of another generation by now. */
export const withUnderway = (
  old: VerificationRecord,
  which: Road,
  of: Generation,
  underway: NonNullable<RoadState["underway"]>,
): VerificationRecord => {
  if (of !== old.generation) return old;
  const { problem: _, ...rest } = old;
  return { ...rest, [which]: { ...old[which], underway } };
};

export interface GoodRoad {
  readonly point: Pick<RecoveryPoint, "id" | "generation" | "sequence" | "time" | "position">;
  readonly scanned: RecoveryPoint["position"];
  readonly scrub: Scrub;
}

/**
 * Notes that the point was found good on a road. Nothing happens when the record is of another generation by now. A
 * replica that was found good is good as a whole only after all of it was read anew, which `withBad` sees to.
 */
export function withGood(
  old: VerificationRecord,
  which: Road,
  good: GoodRoad,
  now: Micros,
): VerificationRecord {
  const { point, scanned, scrub } = good;
  if (point.generation !== old.generation) return old;
  const { id, generation: of, sequence: at, time: taken, position } = point;
  const state: RoadState = {
    point: { id, generation: of, ...markOf(position), sequence: at, time: taken, scanned },
    scrub,
  };
  const { problem: _, ...rest } = old;
  if (which === "replica")
    return {
      ...rest,
      replica: state,
      bad: old.bad.filter((one) => one.road !== "replica"),
      attemptedAt: now,
    };
  const verified = [...old.verified.filter((one) => one !== id), id].slice(-MOST_VERIFIED);
  const bad = old.bad.filter((one) => one.road !== "journal" || one.point !== id);
  const { wish, ...plain } = rest;
  const open = wish && wish.sequence > at;
  return { ...plain, ...(open && { wish }), journal: state, verified, bad, attemptedAt: now };
}

/**
 * Notes that the point is bad on a road. What was good before stays so. The replica is read anew from its start next time,
 * since it will have been rebuilt.
 */
export function withBad(old: VerificationRecord, found: BadPoint): VerificationRecord {
  if (found.generation !== old.generation) return old;
  const bad = [...old.bad.filter((one) => !isSame(one, found)), found].slice(-MOST_BAD);
  const { problem: _, ...rest } = old;
  const { underway: __, ...journal } = old.journal;
  const next = { ...rest, journal, bad, attemptedAt: found.foundAt };
  if (found.road === "replica")
    return { ...next, journal: old.journal, replica: { scrub: newScrub(found.foundAt) } };
  const { wish: ___, ...answered } = next;
  return { ...answered, verified: old.verified.filter((one) => one !== found.point) };
}

const isSame = (a: BadPoint, b: BadPoint): boolean => a.road === b.road && a.point === b.point;

/** Asks once for each generation; nothing when one was asked for so lately that resyncs do not seem to help. */
export function withResyncWanted(old: VerificationRecord, now: Micros): VerificationRecord {
  const last = old.resync;
  if (last?.generation === old.generation) return old;
  const begun = last === undefined || now - last.requestedAt >= RESYNC_REST;
  return { ...old, resync: { generation: old.generation, requestedAt: now, begun } };
}

/** A full copy is dear: should one be asked for again within a day, a person decides. */
const RESYNC_REST = 24 * 3600 * 1e6;

export type Standing = "verified" | "bad" | "suspect" | "unverified";

/**
 * What is known of a point, as the journal gives it. A point that was not verified itself is suspect when an earlier one
 * of its generation is bad: what is wrong there is mostly wrong here as well.
 */
export function standingOf(
  known: VerificationRecord | undefined,
  point: { readonly id: BarrierId; readonly generation: Generation; readonly sequence: number },
): Standing {
  if (!known) return "unverified";
  const bad = known.bad.filter((one) => one.road === "journal");
  if (bad.some((one) => one.point === point.id)) return "bad";
  if (known.verified.includes(point.id)) return "verified";
  const good = known.journal.point;
  // A later point that was found good is good in the blocks that were wrong before.
  const from = good?.generation === point.generation && good.sequence <= point.sequence ? good.sequence : -1;
  const suspect = bad.some(
    (one) => one.generation === point.generation && one.sequence <= point.sequence && one.sequence >= from,
  );
  return suspect ? "suspect" : "unverified";
}
