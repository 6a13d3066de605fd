import { z } from "zod";
import { digestOf, sha256 } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, groupId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, micros, millis, sequence } from "../core/units.ts";

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
  const digest = sha256(Buffer.from(JSON.stringify(found.data)));
  return Buffer.from(`${JSON.stringify({ ...found.data, digest }, undefined, 2)}\n`);
}

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeGroupPoint` wrote; ManifestVersionUnknown */
export function decodeGroupPoint(document: Uint8Array): GroupPoint {
  const point = parse(Buffer.from(document).toString("utf8"));
  if (isDisordered(point) || !encodeGroupPoint(point).equals(document))
    throw damaged(`the manifest of group point ${point.id} does not fit its digest`);
  return point;
}

const isDisordered = ({ members }: GroupPoint): boolean =>
  members.some(({ machine }, n) => machine <= (members[n - 1]?.machine ?? ""));

const anyVersion = z.looseObject({ format: z.number() });
const withDigest = groupPoint.extend({ digest: z.string().transform(checked(digestOf)) });

function parse(text: string): GroupPoint {
  const json = parseJson(text);
  const version = anyVersion.safeParse(json);
  if (version.success && version.data.format !== 1)
    throw new LeewardError(
      "ManifestVersionUnknown",
      `a group's manifest of format ${version.data.format}; known is 1`,
    );
  const found = withDigest.safeParse(json);
  if (!found.success) throw damaged(`not a group's manifest: ${z.prettifyError(found.error)}`);
  const { digest: _, ...point } = found.data;
  return point;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged("a group's manifest that is not JSON", error);
  }
}

const damaged = (message: string, cause?: unknown) => new LeewardError("ManifestDamaged", message, cause);
