import { z } from "zod";
import { copies } from "../core/copies.ts";
import { barrierId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, micros } from "../core/units.ts";
import { journalPosition } from "./position.ts";
import { walkPlace } from "./rebuild-document.ts";

const id = z.string().transform(checked(barrierId));
const time = z.number().transform(checked(micros));
const size = z.number().transform(checked(bytes));
const count = z.number().int().nonnegative();
const position = journalPosition.strict();

/** Numbers of blocks, or of other things, of each disk: see `encodeExtents`. */
export const extentsOfDisks = z
  .array(z.strictObject({ disk: z.number().transform(checked(diskIndex)), extents: z.base64() }))
  .max(64);

/** What a `TailTracker` knows. */
export const tailState = z.strictObject({
  earliest: time,
  latest: time,
  bytes: size,
  copied: copies.optional(),
  found: position.optional(),
  time: time.optional(),
});

/** How far somebody is who gathers the block digests of a point from its journal, in turns. */
export const gathering = z.strictObject({
  /** Of the objects in which they will be kept in the order of the disks. */
  build: id,
  /** Walks through what came behind the last good point, then through all that leads to the point; then puts in order. */
  stage: z.enum(["changed", "all", "order"]),
  place: walkPlace.optional(),
  /** Generations of which the barrier of their point was met, and barriers behind that of the one the walk is in. */
  met: z.array(z.number().transform(checked(generation))).max(64),
  later: z.array(id),
  /** The barrier of the last good point was met: what comes behind it is nothing new. */
  past: z.boolean(),
  /** Something of a later point lies between the point's barrier and its proof. */
  behind: z.boolean(),
  tail: tailState.optional(),
  /** Where the next verification begins, once that is known. */
  scanned: position.optional(),
  /** Blocks that changed since the last good point; absent when that is not known, or all count. */
  changed: extentsOfDisks.optional(),
  /** Digests in the order of the disks, in sealed objects; what was met first, and so is newest, first. */
  runs: z.array(z.strictObject({ build: id, parts: count, level: count })),
  /** Parts of disks that are in order, and stored. */
  ordered: z.strictObject({ parts: extentsOfDisks }).optional(),
  /** Putting in order: sheets that are done, where each run is, and the digest tree of the disk that it is at. */
  order: z.strictObject({ sheets: count, parts: z.array(count), tree: z.array(z.string()) }).optional(),
});
export type Gathering = z.infer<typeof gathering>;
