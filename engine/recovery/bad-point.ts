import { z } from "zod";
import type { ExtentSet } from "../core/extent.ts";
import { barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { type DiskIndex, type Micros, diskIndex, generation, micros, sequence } from "../core/units.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";

const time = z.number().transform(checked(micros));
const count = z.number().int().nonnegative();

/** The roads to a point's disks: rebuilt from the journal, or imported from the replica's snapshots. */
export const ROADS = ["journal", "replica"] as const;
export type Road = (typeof ROADS)[number];

export const badPoint = z.object({
  road: z.enum(ROADS),
  point: z.string().transform(checked(barrierId)),
  generation: z.number().transform(checked(generation)),
  sequence: z.number().transform(checked(sequence)),
  time,
  foundAt: time,
  /** `PointBad` or `ReplicaDiffers` where blocks differ; otherwise what reading it threw. */
  code: z.string(),
  message: z.string(),
  /** How many blocks differ. */
  count,
  /** The first of them. */
  blocks: z.array(z.object({ disk: z.number().transform(checked(diskIndex)), block: count })),
});
export type BadPoint = z.infer<typeof badPoint>;

type PointFacts = Pick<RecoveryPoint, "id" | "generation" | "sequence" | "time">;

/** How many blocks are named. */
const MOST_BLOCKS = 20;

/**
 * A bad point in words and figures.
 * @param wrong numbers of the blocks that differ, for each disk
 */
export function badPointOf(
  which: Road,
  point: PointFacts,
  wrong: ReadonlyMap<DiskIndex, ExtentSet>,
  now: Micros,
): BadPoint {
  const blocks: { disk: BadPoint["blocks"][number]["disk"]; block: number }[] = [];
  let found = 0;
  for (const [disk, set] of wrong) {
    found += set.total;
    for (const { start, end } of set)
      for (let block = start; block < end && blocks.length < MOST_BLOCKS; block++)
        blocks.push({ disk, block });
  }
  const named = blocks.map(({ disk, block }) => `disk ${disk} block ${block}`).join(", ");
  const more = found > blocks.length ? ", …" : "";
  const what = which === "journal" ? "the journal" : "the replica's snapshot";
  return {
    ...factsOf(which, point, now),
    code: which === "journal" ? "PointBad" : "ReplicaDiffers",
    message: `${what} of point ${point.id} differs from the source in ${found} blocks of 64 KiB: ${named}${more}`,
    count: found,
    blocks,
  };
}

/** A point whose journal cannot be read to the end. */
export const unreadablePoint = (
  point: PointFacts,
  { code, message }: { readonly code: string; readonly message: string },
  now: Micros,
): BadPoint => ({ ...factsOf("journal", point, now), code, message, count: 0, blocks: [] });

const factsOf = (
  which: Road,
  { id, generation: of, sequence: at, time: taken }: PointFacts,
  now: Micros,
) => ({
  road: which,
  point: id,
  generation: of,
  sequence: at,
  time: taken,
  foundAt: now,
});
