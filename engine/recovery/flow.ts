import { z } from "zod";
import { type Bytes, type DiskIndex, type Micros, diskIndex, millis } from "../core/units.ts";
import { checked } from "../core/schema.ts";
import { observe, rate } from "./rate.ts";

/** How fast a machine's bytes move, by what its heartbeats said. */
export const flow = z.object({
  /** Bytes recorded at the source, durable in the cache, arrived in the target region; copies among them. */
  captured: rate.optional(),
  cached: rate.optional(),
  arrived: rate.optional(),
  /** Guest bytes and writes of each disk. */
  disks: z
    .array(z.object({ index: z.number().transform(checked(diskIndex)), bytes: rate, writes: rate }))
    .default([]),
});
export type Flow = z.infer<typeof flow>;

/** Long enough to smooth a checkpoint of a database, short enough to show an hour's peak. */
const MEMORY = millis(5 * 60_000);

/** Figures of one moment, each counted since some beginning. */
export interface Counted {
  readonly captured: Bytes;
  readonly cached: Bytes;
  readonly arrived?: Bytes | undefined;
  readonly disks: readonly { readonly index: DiskIndex; readonly bytes: Bytes; readonly writes: number }[];
}

export function withCounted(old: Flow | undefined, counted: Counted, at: Micros): Flow {
  const { captured, cached, arrived } = counted;
  return {
    captured: observe(old?.captured, captured, at, MEMORY),
    cached: observe(old?.cached, cached, at, MEMORY),
    arrived: arrived === undefined ? old?.arrived : observe(old?.arrived, arrived, at, MEMORY),
    disks: counted.disks.map(({ index, bytes, writes }) => {
      const before = old?.disks.find((one) => one.index === index);
      return {
        index,
        bytes: observe(before?.bytes, bytes, at, MEMORY),
        writes: observe(before?.writes, writes, at, MEMORY),
      };
    }),
  };
}
