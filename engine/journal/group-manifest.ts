import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, groupId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, micros, millis, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { parseDocument } from "./json-document.ts";

/** A point of a group: one barrier, set by all its members at one instant, that is a recovery point of each of them. */
const groupPoint = z.strictObject({
  format: z.literal(1),
  group: z.string().transform(checked(groupId)),
  /** Of the barrier, and of each member's point. */
  id: z.string().transform(checked(barrierId)),
  /** The instant, by the control plane's clock. */
  time: z.number().transform(checked(micros)),
  /** For how long writes behind it were not acknowledged, in milliseconds. */
  hold: z.number().transform(checked(millis)),
  /** `application` when each member's point is. */
  consistency: z.enum(["crash", "application"]),
  /** Ascending by machine: those that belonged to the group when the barrier was asked for. */
  members: z
    .array(
      z.strictObject({
        machine: z.string().transform(checked(machineId)),
        generation: z.number().transform(checked(generation)),
        sequence: z.number().transform(checked(sequence)),
        /** The chain that the member's point is bound to. */
        chain: z.string().transform(checked(digestOf)),
      }),
    )
    .min(1),
});
export type GroupPoint = z.infer<typeof groupPoint>;

/** One canonical document: equal points give equal bytes. @throws RangeError when it would not decode to the same. */
export function encodeGroupPoint(point: GroupPoint): Buffer {
  const found = groupPoint.safeParse(point);
  if (!found.success) throw new RangeError(`not a group's point: ${z.prettifyError(found.error)}`);
  if (isDisordered(found.data)) throw new RangeError("not a group's point: its members are out of order");
  // The schema sets the order of the keys, whatever order the caller's had.
  return encodeDigested(found.data);
}

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeGroupPoint` wrote; ManifestVersionUnknown */
export function decodeGroupPoint(document: Uint8Array): GroupPoint {
  const { digest: _, ...point } = parseDocument("a group's manifest", withDigest, document);
  if (isDisordered(point) || !encodeGroupPoint(point).equals(document))
    throw damaged(`the manifest of group point ${point.id} does not fit its digest`);
  return point;
}

const isDisordered = ({ members }: GroupPoint): boolean =>
  members.some(({ machine }, n) => machine <= (members[n - 1]?.machine ?? ""));

const withDigest = groupPoint.extend({ digest: z.string().transform(checked(digestOf)) });

const damaged = (message: string) => new LeewardError("ManifestDamaged", message);
