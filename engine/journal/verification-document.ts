import { z } from "zod";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { generation, micros, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { extentsOfDisks, gathering } from "./gathering-document.ts";
import { parseDocument } from "./json-document.ts";
import { journalPosition } from "./position.ts";
import { walkPlace } from "./rebuild-document.ts";

const id = z.string().transform(checked(barrierId));
const of = z.number().transform(checked(generation));
const at = z.number().transform(checked(sequence));
const time = z.number().transform(checked(micros));
const digest = z.string().transform(checked(digestOf));
const count = z.number().int().nonnegative();
/** How far a verification is that is done in turns. */
const verification = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  point: z.strictObject({ generation: of, id, sequence: at, time, chain: digest }),
  /** Of what makes it another verification: the point's disks, and of the replica its snapshots. */
  bound: digest,
  /** The last good point of this road when it began; the blocks that changed since are among those to be compared. */
  since: id.optional(),
  /** What of the scrub's rotation it covers. */
  window: z.strictObject({ start: count, end: count }),
  /** The digests to compare with are still being gathered: nothing is compared before. */
  gathering: gathering.optional(),
  /** They are: in which `parts` of each disk there are some, and where the next verification begins. */
  digests: z.strictObject({ build: id, parts: extentsOfDisks, scanned: journalPosition.strict() }).optional(),
  /** How far the walk has come; none before its first segment, nor on the replica's road. */
  place: walkPlace.optional(),
  /** Blocks that are still to be compared in this walk, and in one more. */
  wanted: extentsOfDisks,
  deferred: extentsOfDisks,
  /** What is known of blocks that are whole only in part: so many sealed objects, named by a hash of their content. */
  partial: z.strictObject({ build: id, parts: count }).optional(),
  /** Blocks compared and found right, of so many. */
  compared: count,
  blocks: count,
});
export type Verification = z.infer<typeof verification>;

const withDigest = verification.extend({ digest });

/** One canonical document. */
export const encodeVerification = (made: Verification): Buffer => encodeDigested(verification.parse(made));

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeVerification` wrote; ManifestVersionUnknown */
export function decodeVerification(name: string, document: Uint8Array): Verification {
  const { digest: _, ...made } = parseDocument(name, withDigest, document);
  if (encodeVerification(made).equals(document)) return made;
  throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
}
