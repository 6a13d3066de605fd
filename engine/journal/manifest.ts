import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, micros, millis, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { parseDocument } from "./json-document.ts";
import { journalPosition } from "./position.ts";

const size = z.number().transform(checked(bytes));

/** What would be lost: seconds since the newest write that survives, and the writes after it. */
const loss = z.strictObject({
  seconds: z.number().nonnegative(),
  bytes: size,
  writes: z.number().int().nonnegative(),
});
export type Loss = z.infer<typeof loss>;

/** A recovery point: a barrier that lies, with everything before it, in the target region. */
const recoveryPoint = z.strictObject({
  /** 2 for one that was made again, of what the journal holds: what was lost then is not known any more. */
  format: z.union([z.literal(1), z.literal(2)]),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  /** The id of its barrier. */
  id: z.string().transform(checked(barrierId)),
  /** The last write that is in it. */
  sequence: z.number().transform(checked(sequence)),
  /** Of data in the generation up to the barrier; not in a manifest that was made again. */
  bytes: size.optional(),
  /** The source's clock at the barrier. */
  time: z.number().transform(checked(micros)),
  consistency: z.enum(["crash", "application"]),
  /** Milliseconds behind `time` within which its disks were imaged one by one; absent when all were at one instant. */
  spread: z.number().int().positive().transform(checked(millis)).optional(),
  /** Behind the segment that holds the barrier's proof: the chain that this point is bound to. */
  position: journalPosition.strict(),
  /** Ascending by index. `root` is the disk's digest tree at the barrier. */
  disks: z
    .array(
      z.strictObject({
        index: z.number().transform(checked(diskIndex)),
        name: z.string().min(1).max(260),
        size,
        root: z.string().transform(checked(digestOf)),
      }),
    )
    .min(1)
    .max(64),
  /** Both losses as they were when the point was cut; null in format 2. */
  losses: z.strictObject({ vm: loss, region: loss }).nullable(),
});
export type RecoveryPoint = z.infer<typeof recoveryPoint>;

/** One canonical document: equal points give equal bytes. @throws RangeError when it would not decode to the same. */
export function encodeManifest(point: RecoveryPoint): Buffer {
  const found = recoveryPoint.safeParse(point);
  const fault = found.success ? faultOf(found.data) : z.prettifyError(found.error);
  if (!found.success || fault) throw new RangeError(`not a recovery point: ${fault}`);
  // The schema sets the order of the keys, whatever order the caller's had.
  return encodeDigested(found.data);
}

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeManifest` wrote; ManifestVersionUnknown */
export function decodeManifest(document: Uint8Array, name = "a manifest"): RecoveryPoint {
  const { digest: _, ...point } = parseDocument(name, withDigest, document, undefined, NEWEST);
  const fault = faultOf(point);
  if (fault) throw damaged(`${name} of point ${point.id}: ${fault}`);
  if (!encodeManifest(point).equals(document))
    throw damaged(`${name} of point ${point.id} does not fit its digest`);
  return point;
}

/** Empty when the parts agree with each other. */
function faultOf({
  format,
  generation: of,
  sequence: at,
  bytes: upTo,
  position,
  disks,
  losses,
}: RecoveryPoint): string {
  if ((format === 1) !== (losses !== null)) return `its losses do not fit format ${format}`;
  if (position.generation !== of) return `its position is in generation ${position.generation}, not ${of}`;
  if (position.sequence < at) return `its position ends at write ${position.sequence}, before ${at}`;
  if (upTo !== undefined && upTo > position.bytes) return `it holds ${upTo} bytes, behind its position`;
  const disordered = disks.some(({ index }, i) => index <= (disks[i - 1]?.index ?? -1));
  return disordered ? "its disks are out of order" : "";
}

const NEWEST = 2;
const withDigest = recoveryPoint.extend({ digest: z.string().transform(checked(digestOf)) });

const damaged = (message: string) => new LeewardError("ManifestDamaged", message);
