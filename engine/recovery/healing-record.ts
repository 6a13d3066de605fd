import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { type MachineId, barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, generation, micros, sequence } from "../core/units.ts";
import type { PointPlace } from "../journal/names.ts";

const time = z.number().transform(checked(micros));

const unreadable = z.object({
  point: z.string().transform(checked(barrierId)),
  generation: z.number().transform(checked(generation)),
  sequence: z.number().transform(checked(sequence)),
  code: z.string(),
  message: z.string(),
  /** When it was first met. */
  since: time,
});
export type Unreadable = z.infer<typeof unreadable>;

/**
 * Objects that the storage lost or changed: those that were made again, and points of which that cannot be done. Kind
 * `healing`; written by whoever heals.
 */
export const healingRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** Since the machine was enabled. */
  count: z.number().int().nonnegative(),
  /** Newest last, at most `MOST_NAMED`. */
  healed: z.array(z.object({ name: z.string(), what: z.string(), at: time })),
  /** Points whose manifests neither can be read nor made again, in the order of the journal; at most `MOST_NAMED`, the newest. */
  unreadable: z.array(unreadable).default([]),
});
export type HealingRecord = z.infer<typeof healingRecord>;

const MOST_NAMED = 20;

const none = (machine: MachineId): HealingRecord => ({
  format: 1,
  machine,
  count: 0,
  healed: [],
  unreadable: [],
});

/** Notes what was healed. */
export function withHealed(
  old: HealingRecord | undefined,
  machine: MachineId,
  healed: readonly { readonly name: string; readonly what: string }[],
  at: Micros,
): HealingRecord {
  const before = old ?? none(machine);
  const all = [...before.healed, ...healed.map(({ name, what }) => ({ name, what, at }))];
  return { ...before, count: before.count + healed.length, healed: all.slice(-MOST_NAMED) };
}

/**
 * Notes which points cannot be read: these, and no others, since all were looked at. What is known already keeps its time.
 * @param found in the order of the journal
 */
export function withUnreadable(
  old: HealingRecord | undefined,
  machine: MachineId,
  found: readonly {
    readonly place: PointPlace;
    readonly error: { readonly code: string; readonly message: string };
  }[],
  at: Micros,
): HealingRecord {
  const before = old ?? none(machine);
  const now = found.slice(-MOST_NAMED).map(({ place, error: { code, message } }) => {
    const known = before.unreadable.find(
      (one) => one.point === place.id && one.generation === place.generation,
    );
    const { id: point, generation: of, sequence: upTo } = place;
    return { point, generation: of, sequence: upTo, code, message, since: known?.since ?? at };
  });
  return isDeepStrictEqual(now, before.unreadable) && old ? old : { ...before, unreadable: now };
}
