import { z } from "zod";
import { sha256 } from "../core/digest.ts";
import { type ErrorCode, LeewardError } from "../core/errors.ts";

/** What is thrown over bytes that are no such document, and over one of a later format. */
interface Faults {
  readonly damaged: ErrorCode;
  readonly unknown: ErrorCode;
}
const OF_MANIFESTS: Faults = { damaged: "ManifestDamaged", unknown: "ManifestVersionUnknown" };

/** Made once: zod compiles a schema when it is first used, at a millisecond for each. */
const anyVersion = z.looseObject({ format: z.number() });

/**
 * What a JSON document of a known format says. Whether it is in its canonical form shows when it is encoded anew. A format that
 * is not known is believed only as far as the document's own digest fits, where it has one.
 * @param name for messages: the object's, or what it is, as in `a manifest`
 * @param newest the highest format that is known; all from 1 on are
 * @throws ManifestDamaged, ManifestVersionUnknown, or what stands in `faults`
 */
export function parseDocument<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  document: Uint8Array,
  faults: Faults = OF_MANIFESTS,
  newest = 1,
): z.output<Schema> {
  const json = parseJson(name, document, faults);
  const version = anyVersion.safeParse(json);
  if (version.success && !(version.data.format >= 1 && version.data.format <= newest) && !isSpoiled(json))
    throw new LeewardError(faults.unknown, `${name} of format ${version.data.format}; known is ${newest}`);
  const found = schema.safeParse(json);
  if (found.success) return found.data;
  throw new LeewardError(faults.damaged, `${name} is not as it should be: ${z.prettifyError(found.error)}`);
}

const anyDigested = z.looseObject({ digest: z.string() });

/** It has a digest, as every document that ends in one, and is not what was put. */
function isSpoiled(json: unknown): boolean {
  const found = anyDigested.safeParse(json);
  if (!found.success) return false;
  const { digest, ...content } = found.data;
  return sha256(Buffer.from(JSON.stringify(content))) !== digest;
}

function parseJson(name: string, document: Uint8Array, { damaged }: Faults): unknown {
  try {
    return JSON.parse(Buffer.from(document).toString("utf8"));
  } catch (error) {
    throw new LeewardError(damaged, `${name} is not JSON`, error);
  }
}
