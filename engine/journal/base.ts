import { z } from "zod";
import { type Digest, digestOf, sha256 } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import { barrierId, machineId } from "../core/ids.ts";
import { checked } from "../core/schema.ts";
import { bytes, diskIndex, generation, sequence } from "../core/units.ts";
import { parseDocument } from "./json-document.ts";
import { journalPosition } from "./position.ts";

const of = z.number().transform(checked(generation));

/** What the disks held when a generation began: a recovery point of an older generation of the same machine. */
const base = z.strictObject({
  format: z.literal(1),
  machine: z.string().transform(checked(machineId)),
  /** The one that begins. */
  generation: of,
  /** As its manifest says. */
  point: z.strictObject({
    generation: of,
    id: z.string().transform(checked(barrierId)),
    sequence: z.number().transform(checked(sequence)),
    position: journalPosition.strict(),
    /** Ascending by index. */
    disks: z
      .array(
        z.strictObject({
          index: z.number().transform(checked(diskIndex)),
          size: z.number().transform(checked(bytes)),
          root: z.string().transform(checked(digestOf)),
        }),
      )
      .min(1)
      .max(64),
  }),
});
export type Base = z.infer<typeof base>;

/** One canonical document: equal bases give equal bytes. @throws RangeError when it would not decode to the same */
export function encodeBase(made: Base): Buffer {
  const found = base.safeParse(made);
  const fault = found.success ? faultOf(found.data) : z.prettifyError(found.error);
  if (!found.success || fault) throw new RangeError(`not a base: ${fault}`);
  return Buffer.from(`${JSON.stringify(found.data, undefined, 2)}\n`);
}

/** What the first segment of the generation holds as `previous`: SHA-256 of the whole document. */
export const digestOfBase = (document: Uint8Array): Digest => sha256(document);

/** @throws ManifestDamaged when the bytes are not, one by one, what `encodeBase` wrote; ManifestVersionUnknown */
export function decodeBase(name: string, document: Uint8Array): Base {
  const found = parseDocument(name, base, document);
  const fault = faultOf(found);
  if (fault) throw damaged(`${name}: ${fault}`);
  if (!encodeBase(found).equals(document)) throw damaged(`${name} is not in its canonical form`);
  return found;
}

/** Empty when the parts agree with each other. */
function faultOf({ generation: begun, point }: Base): string {
  const { position, disks } = point;
  if (point.generation >= begun) return `generation ${begun} cannot stand on generation ${point.generation}`;
  if (position.generation !== point.generation || position.sequence < point.sequence)
    return "the position of its point lies elsewhere";
  const disordered = disks.some(({ index }, i) => index <= (disks[i - 1]?.index ?? -1));
  return disordered ? "its disks are out of order" : "";
}

const damaged = (message: string) => new LeewardError("ManifestDamaged", message);
