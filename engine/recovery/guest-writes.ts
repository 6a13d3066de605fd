import { type Bytes, type Sequence, bytes } from "../core/units.ts";
import type { Reached, Reported } from "./losses.ts";
import type { ProgressRecord } from "./progress.ts";

/** Writes of the guest, and the bytes in them. */
export interface GuestWrites {
  readonly writes: number;
  readonly bytes: Bytes;
}

export const NO_WRITES: GuestWrites = { writes: 0, bytes: bytes(0) };

export const plus = (a: GuestWrites, b: GuestWrites | undefined): GuestWrites =>
  b ? { writes: a.writes + b.writes, bytes: bytes(a.bytes + b.bytes) } : a;

type Mark = Pick<Reached, "sequence" | "bytes" | "copied">;

/** What the guest wrote between two marks of one generation: copies of a comparison take numbers too, and are left out. */
export function guestBetween(from: Mark, to: Mark): GuestWrites {
  if (to.sequence <= from.sequence) return NO_WRITES;
  const copied = {
    writes: (to.copied?.writes ?? 0) - (from.copied?.writes ?? 0),
    bytes: (to.copied?.bytes ?? 0) - (from.copied?.bytes ?? 0),
  };
  return {
    writes: Math.max(to.sequence - from.sequence - copied.writes, 0),
    bytes: bytes(Math.max(to.bytes - from.bytes - copied.bytes, 0)),
  };
}

/** Guest bytes up to the mark, in its generation. */
export const guestBytes = ({ bytes: all, copied }: Pick<Mark, "bytes" | "copied">): Bytes =>
  bytes(Math.max(all - (copied?.bytes ?? 0), 0));

type Known = Pick<ProgressRecord, "arrived" | "from" | "ended">;

/**
 * What the guest is known to have written behind a state: in the state's generation, in those that ended since, with what
 * they did not record, and in the present one. Exact as of what was last reported or has arrived in each, as far back as the
 * record knows generations.
 */
export function madeAfter(state: Reached, known: Known, reported: Reported | undefined): GuestWrites {
  const present = newestOf(known.arrived, reported);
  const now = reported?.captured.generation === present.generation ? reported.unrecorded : undefined;
  if (state.generation === present.generation) return plus(guestBetween(state, present), now);
  let made = plus(guestBetween(startAt(known.from), present), now);
  for (const { generation, from, end, unrecorded } of known.ended ?? []) {
    if (generation < state.generation) continue;
    made = plus(
      plus(made, guestBetween(generation === state.generation ? state : startAt(from), end)),
      unrecorded,
    );
  }
  return made;
}

const startAt = (from: Sequence): Mark => ({ sequence: from, bytes: bytes(0) });

/** The newest write of the present generation that is known, whether it has arrived or not. */
export function newestOf(arrived: Reached, reported: Reported | undefined): Reached {
  const captured = reported?.captured;
  const newer = captured?.generation === arrived.generation && captured.sequence > arrived.sequence;
  return newer ? captured : arrived;
}
