import { z } from "zod";
import { copies } from "../core/copies.ts";
import { digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, micros, sequence } from "../core/units.ts";
import { encodeDigested } from "./digested.ts";
import { parseDocument } from "./json-document.ts";
import { journalPosition } from "./position.ts";

const digest = z.string().transform(checked(digestOf));
const id = z.string().transform(checked(barrierId));
const time = z.number().transform(checked(micros));
const size = z.number().transform(checked(bytes));
const disk = z.number().transform(checked(diskIndex));
const count = z.number().int().nonnegative();

/** What an image of one disk said of itself. */
const diskImage = z.strictObject({ disk, size, source: z.string(), family: z.string(), taken: time });

/** Digests of a part of a disk, as of an image: the object is named by these; `top` is their node of the digest tree. */
const part = z.strictObject({ disk, part: count, image: count, top: digest });
export type CapturedPart = z.infer<typeof part>;

const image = z.strictObject({
  number: count,
  barrier: id,
  /** Every write before it is in the image. */
  asked: time,
  disks: z.array(diskImage).max(64),
});

/** How far capture by images is: what its journal holds as a whole, and the image on its way there. */
const capture = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  generation: z.number().transform(checked(generation)),
  /** Behind the newest segment of which the rest of this document knows. */
  position: journalPosition.strict(),
  /** The highest number of an image that was asked for. */
  images: count,
  /** When the last ones were asked for. */
  taken: z.array(time).max(16),
  /** The newest image that is in the journal as a whole, and where the journal was then. */
  base: image
    .extend({
      mark: z.strictObject({
        sequence: z.number().transform(checked(sequence)),
        time,
        bytes: size,
        copied: copies.optional(),
      }),
    })
    .optional(),
  /** Its digests; parts that are all zeros are left out. */
  parts: z.array(part),
  /** The image that is being made, or read. */
  next: image
    .extend({
      /** Behind the journal when it was begun. */
      from: z.number().transform(checked(sequence)),
      /** So many parts of all disks are in the journal; then so many of those that changed have their digests there. */
      place: z.strictObject({ phase: z.enum(["blocks", "marks"]), at: count }),
      parts: z.array(part),
    })
    .optional(),
  /** Images and digests that nobody needs any more are gone. */
  swept: z.boolean(),
  /** Bytes of blocks that went into the journal, and of segments as stored. */
  sent: size,
  uploaded: size,
});
export type CaptureState = z.infer<typeof capture>;

const withDigest = capture.extend({ digest });

/** One canonical document. */
export const encodeCapture = (state: CaptureState): Buffer => encodeDigested(capture.parse(state));

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeCapture` wrote; ManifestVersionUnknown */
export function decodeCapture(name: string, document: Uint8Array): CaptureState {
  const { digest: _, ...state } = parseDocument(name, withDigest, document);
  if (encodeCapture(state).equals(document)) return state;
  throw new LeewardError("ManifestDamaged", `${name} does not fit its digest`);
}
