import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, generation, micros, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { parseDocument } from "./json-document.ts";
import { journalPosition } from "./position.ts";

const id = z.string().transform(checked(barrierId));
const at = z.number().transform(checked(sequence));
const chain = z.string().transform(checked(digestOf));
const time = z.number().transform(checked(micros));

/** A recovery point as a place between two layers, or with NO_POINT the beginning of the generation. */
export const layerEnd = z.strictObject({ id, sequence: at, position: journalPosition.strict() });
export type LayerEnd = z.infer<typeof layerEnd>;

/** One part as it is stored. */
export const layerPart = z.strictObject({
  size: z.number().transform(checked(bytes)),
  digest: chain,
  marks: z.boolean(),
});

/** A layer: with this document, and not before, its parts are one. */
const layer = z.strictObject({
  /** 2: its parts are in the order of the disks, so that merging reads each of them once and holds one. */
  format: z.union([z.literal(1), z.literal(2)]),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  /** Names the run of a compactor that made it. */
  build: id,
  /** When that began, by its clock. */
  made: time,
  begin: layerEnd,
  end: layerEnd,
  /** Before the segment that holds the end's barrier: from it on segments say what comes after the layer. */
  tail: journalPosition.strict(),
  /** Earliest and latest time of a write in what was merged; both 0 when there was none. */
  earliest: time,
  latest: time,
  parts: z.array(layerPart).min(1).max(1_000_000),
});
export type Layer = z.infer<typeof layer>;

const withDigest = layer.extend({ digest: chain });
const FAULTS = { damaged: "LayerDamaged", unknown: "LayerVersionUnknown" } as const;

/** One canonical document. @throws RangeError when it would not decode to the same */
export function encodeLayer(made: Layer): Buffer {
  const found = layer.safeParse(made);
  const fault = found.success ? faultOf(found.data) : z.prettifyError(found.error);
  if (!found.success || fault) throw new RangeError(`not a layer: ${fault}`);
  return encodeDigested(found.data);
}

/** @throws LayerDamaged when the bytes are not, one by one, what `encodeLayer` wrote; LayerVersionUnknown */
export function decodeLayer(name: string, document: Uint8Array): Layer {
  const found = parseDocument(name, withDigest, document, FAULTS, 2);
  const { digest: _, ...made } = found;
  const fault = faultOf(made);
  if (fault) throw damaged(`${name}: ${fault}`);
  if (!encodeLayer(made).equals(document)) throw damaged(`${name} does not fit its digest`);
  return made;
}

/** Empty when the parts agree with each other. */
function faultOf({ generation: of, begin, end, tail }: Layer): string {
  if ([begin.position, end.position, tail].some(({ generation: its }) => its !== of))
    return "its ends lie elsewhere";
  if (begin.sequence > end.sequence || begin.position.next > end.position.next)
    return "it ends before it begins";
  return tail.next > end.position.next || tail.sequence > end.sequence ? "its tail lies behind its end" : "";
}

const damaged = (message: string) => new LeewardError("LayerDamaged", message);
