import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, micros, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { tailState } from "./gathering-document.ts";
import { parseDocument } from "./json-document.ts";
import { layerEnd, layerPart } from "./layer-document.ts";
import { journalPosition } from "./position.ts";

const id = z.string().transform(checked(barrierId));
const chain = z.string().transform(checked(digestOf));
const time = z.number().transform(checked(micros));
const size = z.number().transform(checked(bytes));
const at = z.number().transform(checked(sequence));
const count = z.number().int().nonnegative();
const position = journalPosition.strict();
const name = z.string().min(1).max(1000);

/** What is still to be read in the order of time, newest first, and sorted. */
const unsorted = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("segments"), from: position, to: position }),
  /** `left`: so many of its parts, from the first on, were not read yet. */
  z.strictObject({ kind: z.literal("layer"), name, left: count }),
]);

/** One generation's share of the way to the layer's end. */
const leg = z.strictObject({
  generation: z.number().transform(checked(generation)),
  /** The point of it that what comes behind stands on; the layer's own end for the newest. */
  point: id,
  upTo: at,
  above: at.optional(),
  /** It lies under the layer: only its digests are wanted. */
  below: z.boolean(),
  /** The barrier of its point was met. */
  met: z.boolean(),
  /** Barriers that were met behind it. */
  later: z.array(id),
  rest: z.array(unsorted),
});

/** In the order of the disks, and so merged with others without being held in memory. Newest first. */
const sorted = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("layer"), name, below: z.boolean() }),
  z.strictObject({
    kind: z.literal("run"),
    run: count,
    /** How often what is in it was merged. */
    level: count,
    writes: count,
    marks: count,
    below: z.boolean(),
  }),
]);

/** Merging some of the sorted, those of [first, first + sources), into one. */
const merge = z.strictObject({
  first: count,
  /** Into a run; into the layer itself when absent. */
  run: count.optional(),
  sources: z.array(z.strictObject({ writes: count, marks: count })),
  /** Everything before it is merged: see `AddressSpace`. */
  from: count,
  /** Of the run. */
  writes: count,
  marks: count,
  /** Of the layer: those that are stored. */
  parts: z.array(layerPart),
  dataBytes: size,
  /** Of the disk that `from` is on: see `TreeStream`. */
  tree: z.array(z.string()),
});

/** A layer that is being built in pieces: how far that is, and what it still reads. */
const work = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  build: id,
  made: time,
  /** When it last went on. */
  touched: time,
  begin: layerEnd,
  end: layerEnd,
  alone: z.boolean(),
  /** Nothing lies under the layer. */
  grounded: z.boolean(),
  disks: z
    .array(z.strictObject({ index: z.number().transform(checked(diskIndex)), size, root: chain }))
    .min(1)
    .max(64),
  /** What makes pieces begin and end where they do: two compactors agree on it, and so do two versions of the app. */
  limits: z.strictObject({ chunk: size, runPart: size, layerPart: size, save: size, fanIn: count.min(2) }),
  /** Bytes as stored that it is made of, and those of them that were sorted; then merged, of what there is to merge. */
  total: size,
  done: size,
  journalBytes: size,
  /** The newest layer among its sources, where segments end. */
  older: z.strictObject({ position, tail: position }).optional(),
  tail: tailState,
  /** Of the end: its barrier and its proof. */
  barrier: z.strictObject({ time, consistency: z.enum(["crash", "application"]) }).optional(),
  proof: z.strictObject({ time }).optional(),
  /** Where the layer's `tail` will lie, once the newest leg was read. */
  follows: position.optional(),
  legs: z.array(leg),
  sorted: z.array(sorted),
  /** Numbers runs. */
  runs: count,
  merge: merge.optional(),
  /** Everything is in the layer's parts, and proved. */
  complete: z.boolean(),
});
export type Work = z.infer<typeof work>;
export type Leg = z.infer<typeof leg>;
export type Sorted = z.infer<typeof sorted>;
export type Merge = z.infer<typeof merge>;

const withDigest = work.extend({ digest: chain });
const FAULTS = { damaged: "LayerDamaged", unknown: "LayerVersionUnknown" } as const;

/** One canonical document. @throws RangeError when it would not decode to the same */
export function encodeWork(made: Work): Buffer {
  const found = work.safeParse(made);
  if (!found.success) throw new RangeError(`not a work: ${z.prettifyError(found.error)}`);
  return encodeDigested(found.data);
}

/** @throws LayerDamaged when the bytes are not, one by one, what `encodeWork` wrote; LayerVersionUnknown */
export function decodeWork(from: string, document: Uint8Array): Work {
  const { digest: _, ...made } = parseDocument(from, withDigest, document, FAULTS);
  if (encodeWork(made).equals(document)) return made;
  throw new LeewardError("LayerDamaged", `${from} does not fit its digest`);
}
