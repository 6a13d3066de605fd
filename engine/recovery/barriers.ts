import type { BarrierId, MachineId } from "../core/ids.ts";
import type { Generation, Micros } from "../core/units.ts";
import type { BarrierRequest, BarriersRecord } from "./agent-record.ts";

/** What is asked of an agent; as it stands in the record before the agent has answered. */
export type BarrierWish = Pick<BarrierRequest, "id" | "consistency" | "otherwise" | "instant">;

/** What an agent says of the barriers that it knows. */
export interface BarrierReport {
  /** The one that it writes. */
  readonly generation: Generation;
  readonly set: readonly (Pick<BarrierRequest, "id" | "why" | "held"> & {
    readonly consistency?: "crash" | "application" | undefined;
  })[];
  readonly refused: readonly { readonly id: BarrierId; readonly why: string }[];
}

/** Reasons that are kept for people to read. */
const MOST_UNMET = 20;

export const noBarriers = (machine: MachineId): BarriersRecord => ({
  format: 1,
  machine,
  pending: [],
  unmet: [],
});

/** The record with one more barrier to ask for; itself when it has it. */
export function withWish(old: BarriersRecord, wish: BarrierWish, now: Micros): BarriersRecord {
  if (old.pending.some(({ id }) => id === wish.id)) return old;
  return {
    ...old,
    pending: [...old.pending, { ...wish, requestedAt: now, set: false }],
    ...(wish.consistency === "application" && { applicationAt: now }),
  };
}

/** The record after a heartbeat; itself when that says nothing new. */
export function withReport(old: BarriersRecord, report: BarrierReport, now: Micros): BarriersRecord {
  const pending = old.pending.map((one) => reported(one, report));
  if (pending.every((one, n) => one === old.pending[n])) return old;
  const news = pending.filter((one, n) => {
    const before = old.pending[n];
    // An end of a generation is told as such; a group misses its point by it.
    return one.why !== undefined && before?.why === undefined && (one.instant || one.set || !before?.set);
  });
  const unmet = news.map(({ id, why = "", set, instant, held }) => ({
    id,
    time: now,
    code: instant && (held === false || !set) ? ("GroupMissed" as const) : ("FreezeFailed" as const),
    why,
    set,
  }));
  const met = pending.filter((one, n) => one !== old.pending[n] && one.why === undefined);
  return {
    ...old,
    pending,
    met: {
      ...old.met,
      ...(met.some(({ consistency }) => consistency === "application") && { FreezeFailed: now }),
      ...(met.some(({ held }) => held) && { GroupMissed: now }),
    },
    unmet: [...old.unmet, ...unmet].slice(-MOST_UNMET),
  };
}

/** As many as a heartbeat lists: one that falls off the list before it was heard would be asked for, and set, again. */
const MOST_WANTED = 16;

/** The oldest of those that the agent still has to hear of. */
export const wantedOf = ({ pending }: BarriersRecord): readonly BarrierRequest[] =>
  pending.filter(({ set, why }) => !set && why === undefined).slice(0, MOST_WANTED);

/** The record without these barriers; itself when it holds none of them. */
export function without(old: BarriersRecord, ids: readonly string[]): BarriersRecord {
  const pending = old.pending.filter(({ id }) => !ids.includes(id));
  return pending.length === old.pending.length ? old : { ...old, pending };
}

/** The record once these barriers are points: a group's stays until the group has seen it. */
export function withMade(old: BarriersRecord, ids: readonly string[]): BarriersRecord {
  const made = old.pending.filter(({ id }) => ids.includes(id));
  if (made.every(({ instant, made: known }) => instant && known)) return old;
  const pending = old.pending.flatMap((one) => {
    if (!ids.includes(one.id)) return [one];
    return one.instant ? [{ ...one, made: true, set: true }] : [];
  });
  return { ...old, pending };
}

/** A group's barrier is on its way: an ordinary one could make it late. */
export const awaitsInstant = ({ pending }: BarriersRecord): boolean =>
  pending.some(({ instant, made, why }) => instant && !made && why === undefined);

/** One that was set is never refused: a late heartbeat changes nothing. It goes with the generation that it was set in. */
function reported(one: BarrierRequest, { generation, set, refused }: BarrierReport): BarrierRequest {
  const listed = set.find(({ id }) => id === one.id);
  if (listed) {
    const { why, held } = listed;
    if (one.set && (held === undefined || one.held === held)) return one;
    return {
      ...one,
      set: true,
      setIn: generation,
      ...(why !== undefined && { why }),
      ...(held !== undefined && { held }),
    };
  }
  if (one.set && !one.made && one.setIn !== undefined && one.setIn < generation) {
    const why = `generation ${one.setIn}, in which it was set, ended before it became a point`;
    return { ...one, set: false, why };
  }
  const refusal = one.set ? undefined : refused.find(({ id }) => id === one.id);
  return refusal && one.why === undefined ? { ...one, why: refusal.why } : one;
}
