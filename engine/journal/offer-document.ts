import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { gathering } from "./gathering-document.ts";
import { parseDocument } from "./json-document.ts";

const digest = z.string().transform(checked(digestOf));

/** How far somebody is who puts a base's digests where a generation compares its disks with them. */
const offer = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** The one that begins. */
  generation: z.number().transform(checked(generation)),
  /** Digest of its base document. */
  base: digest,
  gathering,
});
export type Offer = z.infer<typeof offer>;

const withDigest = offer.extend({ digest });

/** One canonical document. */
export const encodeOffer = (made: Offer): Buffer => encodeDigested(offer.parse(made));

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeOffer` wrote; ManifestVersionUnknown */
export function decodeOffer(name: string, document: Uint8Array): Offer {
  const { digest: _, ...made } = parseDocument(name, withDigest, document);
  if (encodeOffer(made).equals(document)) return made;
  throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
}
