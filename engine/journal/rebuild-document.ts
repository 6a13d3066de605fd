import { z } from "zod";
import { copies } from "../core/copies.ts";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, micros, ordinal, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { parseDocument } from "./json-document.ts";
import { journalPosition } from "./position.ts";

const of = z.number().transform(checked(generation));
const id = z.string().transform(checked(barrierId));
const digest = z.string().transform(checked(digestOf));
const at = z.number().transform(checked(sequence));
const next = z.number().transform(checked(ordinal));
const size = z.number().transform(checked(bytes));
const time = z.number().transform(checked(micros));
const disk = z.number().transform(checked(diskIndex));
const position = journalPosition.strict();

/** How far a walk through the journal, newest first, has come. */
export const walkPlace = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("segments"),
    generation: of,
    /** Where the range begins that the walk is in. */
    from: z.strictObject({ next, chain: digest }),
    /** Everything from this segment on was taken; `chain` of the one before it, `sequence` the last write before. */
    to: z.strictObject({ next, chain: digest, sequence: at }),
  }),
  /** `left`: so many parts of the layer, from its first on, were not taken yet. */
  z.strictObject({
    kind: z.literal("layer"),
    generation: of,
    build: id,
    left: z.number().int().nonnegative(),
  }),
]);
export type WalkPlace = z.infer<typeof walkPlace>;

/** How far disks are that are rebuilt in turns: what was written to them, and what of the journal it came from. */
const rebuild = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** The point, or the state between points, that the disks are brought to. */
  point: z.strictObject({
    generation: of,
    id,
    sequence: at,
    position,
    /** Where a checkpoint of it will say it. */
    time: time.optional(),
    disks: z
      .array(z.strictObject({ index: disk, size }))
      .min(1)
      .max(64),
  }),
  /** Of what makes it another rebuild: the disks themselves, or what the replica was to begin with. */
  bound: digest,
  /** None before the first segment. */
  place: walkPlace.optional(),
  /** Bytes of the journal that are still to be read, and guest bytes that were written. */
  left: size,
  written: size,
  /** What is known of where the next checkpoint goes on. */
  applied: z
    .strictObject({
      bytes: size,
      copied: copies.optional(),
      found: position.optional(),
      time: time.optional(),
    })
    .optional(),
  /** What of each disk was written or is zero: see `encodeExtents`. */
  covered: z.array(z.strictObject({ disk, extents: z.base64() })).max(64),
  /** Everything is on the disks. */
  complete: z.boolean(),
});
export type Rebuild = z.infer<typeof rebuild>;

const withDigest = rebuild.extend({ digest });

/** One canonical document. */
export const encodeRebuild = (made: Rebuild): Buffer => encodeDigested(rebuild.parse(made));

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeRebuild` wrote; ManifestVersionUnknown */
export function decodeRebuild(name: string, document: Uint8Array): Rebuild {
  const { digest: _, ...made } = parseDocument(name, withDigest, document);
  if (encodeRebuild(made).equals(document)) return made;
  throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
}
