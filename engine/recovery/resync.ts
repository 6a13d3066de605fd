import { type Digest, NO_DIGEST } from "../core/digest.ts";
import { type Micros, type Sequence, generation } from "../core/units.ts";
import type { Base } from "../journal/base.ts";
import type { ItemRecord } from "./item.ts";
import type { ProgressRecord } from "./progress.ts";
import type { ResyncProgress, ResyncReason } from "./resync-request.ts";

const MOST_REFUSED = 20;

/** What a generation begins with, besides its number. */
export interface Beginning {
  readonly chain: ProgressRecord["arrived"]["chain"];
  readonly resync: ResyncProgress;
  /** Sequences go on after this one as well: it was written in the other direction. */
  readonly after?: Sequence | undefined;
}

/** The first generation begins with nothing to compare with, for no reason. */
export function beginningOn(
  kept: { readonly base: Base; readonly digest: Digest } | undefined,
  old: ProgressRecord | undefined,
  reason: ResyncReason,
  now: Micros,
): Beginning {
  const before = old?.resync;
  const last = before?.endedAt === undefined ? before?.last : endOf(before, before.endedAt);
  return {
    chain: kept?.digest ?? NO_DIGEST,
    resync: {
      reason,
      begunAt: now,
      ...(kept && { base: baseOf(kept) }),
      offered: kept === undefined,
      refused: before?.refused ?? [],
      ...(last && { last }),
    },
  };
}

const baseOf = ({ base: { point }, digest }: { readonly base: Base; readonly digest: Digest }) => ({
  generation: point.generation,
  id: point.id,
  sequence: point.sequence,
  digest,
});

const endOf = ({ reason, begunAt, sent }: ResyncProgress, endedAt: Micros) => ({
  reason,
  begunAt,
  endedAt,
  sent: sent ?? 0,
});

/**
 * Notes that what leads to the base cannot be read. Its generation as a whole gives no base any more: to find out which of its points
 * can be read would take a generation for each.
 */
export function withRefused(old: ResyncProgress): ResyncProgress {
  const { base } = old;
  if (!base || old.refused.includes(base.generation)) return old;
  return { ...old, refused: [...old.refused, base.generation].slice(-MOST_REFUSED) };
}

/**
 * What is to be done for the comparison: its digests offered, or cleared away. While the agent compares the cache may lose
 * them, so it is looked whether they are still there.
 */
export function resyncDue(progress: ProgressRecord): "offer" | "look" | "clear" | undefined {
  const { resync, arrived, point } = progress;
  if (!resync || resync.endedAt !== undefined) return undefined;
  if (point?.generation === arrived.generation) return "clear";
  if (!resync.base) return undefined;
  return resync.offered ? "look" : "offer";
}

/** The item with its generation ended, so that its agent registers anew. */
export const endedFor = (item: ItemRecord, resync: NonNullable<ItemRecord["resync"]>): ItemRecord => ({
  ...item,
  generation: generation(item.generation + 1),
  unissued: generation(item.generation + 1),
  resync,
});

/**
 * Why the generation that is to begin does: what was asked for, unless that was before the present one began. The first one
 * behind a turn of the direction follows on what the old disks held.
 */
export function reasonOf(
  { resync: asked }: ItemRecord,
  old: ProgressRecord | undefined,
  crashed = false,
): ResyncReason {
  if (asked && asked.requestedAt >= (old?.resync?.begunAt ?? 0)) return asked.reason;
  if (old?.seed && old.seed.generation === old.arrived.generation) return "reversal";
  return crashed ? "crash" : "continuity";
}

/** The others are there to doubt: then everything is compared, whatever the agent knows. */
export const keepsMarks = (reason: ResyncReason): boolean =>
  reason === "continuity" || reason === "crash" || reason === "disks";
