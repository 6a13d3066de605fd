import { z } from "zod";
import { type MachineId, barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type Micros, type Millis, bytes, generation, micros, millis } from "../core/units.ts";
import type { Decision } from "./retention.ts";

const time = z.number().transform(checked(micros));
const size = z.number().transform(checked(bytes));
const count = z.number().int().nonnegative();

/** What stands in the target of a machine's journal. */
const stock = z.object({
  segments: z.object({ objects: count, bytes: size }),
  layers: z.object({ layers: count, bytes: size }),
});
export type Stock = z.infer<typeof stock>;

/** Of layers that were built: guest bytes of the journal between their ends, what was left of them, and what that takes. */
const merged = z.object({ layers: count, journalBytes: size, dataBytes: size, storedBytes: size });
export type Merged = z.infer<typeof merged>;

/** A layer that is built in pieces, over many turns. */
const building = z.object({
  /** Where it ends. */
  point: z.string().transform(checked(barrierId)),
  stage: z.enum(["sorting", "merging"]),
  /** Of this stage. */
  done: size,
  total: size,
  /** When it was begun, and when it last went on. */
  since: time,
  at: time,
});
export type Building = z.infer<typeof building>;

/** What retention did, and what it left. Kind `retention`; written by retention alone. */
export const retentionRecord = z.object({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** When a run last ended, well or not. */
  attemptedAt: time.optional(),
  /** When one last came to its end. */
  endedAt: time.optional(),
  /** Points that are kept, by the interval that one is kept of; 0: all of their age are. */
  kept: z.array(z.object({ every: z.number().transform(checked(millis)), points: count })),
  /** Since the machine was enabled. */
  dropped: count,
  deletedObjects: count,
  merged,
  building: building.optional(),
  stock: stock.optional(),
  /** Of all generations before it nothing is left. */
  oldest: z.number().transform(checked(generation)),
  /** What keeps retention from its work. */
  problem: z.object({ code: z.string(), message: z.string(), since: time }).optional(),
});
export type RetentionRecord = z.infer<typeof retentionRecord>;

export const noRetention = (machine: MachineId): RetentionRecord => ({
  format: 1,
  machine,
  kept: [],
  dropped: 0,
  deletedObjects: 0,
  merged: { layers: 0, journalBytes: bytes(0), dataBytes: bytes(0), storedBytes: bytes(0) },
  oldest: generation(1),
});

/** Notes what was decided. */
export function withThinned(
  old: RetentionRecord,
  keep: readonly Decision[],
  dropped: number,
): RetentionRecord {
  const counts = new Map<Millis, number>();
  for (const { every } of keep) counts.set(every, (counts.get(every) ?? 0) + 1);
  const kept = [...counts]
    .map(([every, points]) => ({ every, points }))
    .toSorted((a, b) => a.every - b.every);
  return { ...old, kept, dropped: old.dropped + dropped };
}

/** Notes how far the layer is that takes many turns; undefined when there is none. */
export function withBuilding(
  old: RetentionRecord,
  now: Omit<Building, "since"> | undefined,
): RetentionRecord {
  const { building: before, ...rest } = old;
  if (!now) return rest;
  const since = before?.point === now.point ? before.since : now.at;
  return { ...rest, building: { ...now, since } };
}

/** Counts a layer that was built. */
export const withLayer = (old: RetentionRecord, built: Omit<Merged, "layers">): RetentionRecord => ({
  ...old,
  merged: {
    layers: old.merged.layers + 1,
    journalBytes: bytes(old.merged.journalBytes + built.journalBytes),
    dataBytes: bytes(old.merged.dataBytes + built.dataBytes),
    storedBytes: bytes(old.merged.storedBytes + built.storedBytes),
  },
});

export interface SweptAway {
  readonly deletedObjects: number;
  readonly stock: Stock;
  readonly oldest: RetentionRecord["oldest"];
}

/** Notes the end of a run. */
export function withSwept(old: RetentionRecord, swept: SweptAway, now: Micros): RetentionRecord {
  const { problem: _, ...rest } = old;
  return {
    ...rest,
    stock: swept.stock,
    oldest: generation(Math.max(old.oldest, swept.oldest)),
    deletedObjects: old.deletedObjects + swept.deletedObjects,
    attemptedAt: now,
    endedAt: now,
  };
}

/** Notes what a run failed of. */
export function withProblem(
  old: RetentionRecord,
  problem: { readonly code: string; readonly message: string },
  now: Micros,
): RetentionRecord {
  const since = old.problem?.code === problem.code ? old.problem.since : now;
  return { ...old, problem: { ...problem, since }, attemptedAt: now };
}
