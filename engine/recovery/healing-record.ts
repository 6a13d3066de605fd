import { z } from "zod";
import { type MachineId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, micros } from "../core/units.ts";

const time = z.number().transform(checked(micros));

/** Objects that the storage lost or changed, and that were made again. Kind `healing`; written by whoever heals. */
export const healingRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** Since the machine was enabled. */
  count: z.number().int().nonnegative(),
  /** Newest last, at most `MOST_NAMED`. */
  healed: z.array(z.object({ name: z.string(), what: z.string(), at: time })),
});
export type HealingRecord = z.infer<typeof healingRecord>;

const MOST_NAMED = 20;

/** Notes what was healed. */
export function withHealed(
  old: HealingRecord | undefined,
  machine: MachineId,
  healed: readonly { readonly name: string; readonly what: string }[],
  at: Micros,
): HealingRecord {
  const before = old ?? { format: 1, machine, count: 0, healed: [] };
  const all = [...before.healed, ...healed.map(({ name, what }) => ({ name, what, at }))];
  return { ...before, count: before.count + healed.length, healed: all.slice(-MOST_NAMED) };
}
