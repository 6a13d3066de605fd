import { z } from "zod";
import { sha256 } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";

/*
 * A manifest is a JSON document of format 1 that ends in the digest of all before it.
 */

/** @param content with its keys in the schema's order: equal contents give equal bytes */
export function encodeDigested(content: object): Buffer {
  const digest = sha256(Buffer.from(JSON.stringify(content)));
  return Buffer.from(`${JSON.stringify({ ...content, digest }, undefined, 2)}\n`);
}

const anyVersion = z.looseObject({ format: z.number() });

/**
 * What the document says; that it is in canonical form, and its digest right, shows when it is encoded anew.
 * @param kind for messages, as in `a manifest`
 * @throws ManifestDamaged, ManifestVersionUnknown
 */
export function parseDigested<Schema extends z.ZodType>(
  kind: string,
  schema: Schema,
  document: Uint8Array,
): z.output<Schema> {
  const json = parseJson(kind, Buffer.from(document).toString("utf8"));
  const version = anyVersion.safeParse(json);
  if (version.success && version.data.format !== 1)
    throw new LeewardError("ManifestVersionUnknown", `${kind} of format ${version.data.format}; known is 1`);
  const found = schema.safeParse(json);
  if (found.success) return found.data;
  throw new LeewardError("ManifestDamaged", `not ${kind}: ${z.prettifyError(found.error)}`);
}

function parseJson(kind: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LeewardError("ManifestDamaged", `${kind} that is not JSON`, error);
  }
}
