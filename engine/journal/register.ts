import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { parseDocument } from "./json-document.ts";

/** Which points of a generation there are, so that a manifest that is lost is told from one that was deleted. */
const register = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  points: z.array(
    z.strictObject({
      id: z.string().transform(checked(barrierId)),
      sequence: z.number().transform(checked(sequence)),
    }),
  ),
});
export type Register = z.infer<typeof register>;

const withDigest = register.extend({ digest: z.string().transform(checked(digestOf)) });

/** One canonical document: equal registers give equal bytes. */
export const encodeRegister = (made: Register): Buffer => encodeDigested(register.parse(made));

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeRegister` wrote; ManifestVersionUnknown */
export function decodeRegister(name: string, document: Uint8Array): Register {
  const { digest: _, ...found } = parseDocument(name, withDigest, document);
  if (encodeRegister(found).equals(document)) return found;
  throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
}
