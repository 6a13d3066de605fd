import { hash } from "node:crypto";
import type { HttpRequest } from "@azure/functions";
import { LeewardError } from "../engine/core/errors.ts";
import type { Records } from "../engine/recovery/records.ts";
import type { ETag } from "../engine/storage/store.ts";

/** Whether a record is the version that a request wants to change; undefined stands for one that is not there. */
export type Wanted = (etag: ETag | undefined) => boolean;

/** What the API calls a version of a record: as opaque as the storage's own, and legal in a header. */
export const tagOf = (etag: ETag): string => `"${hash("sha256", etag).slice(0, 16)}"`;

/** The header of an answer that shows a record, which is to be read behind this; none where there is no record. */
export async function taggedBy(
  records: Pick<Records<unknown>, "get">,
  key: string,
): Promise<{ readonly headers?: { readonly etag: string } }> {
  const found = await records.get(key);
  return found ? { headers: { etag: tagOf(found.etag) } } : {};
}

/**
 * What a request's `If-Match` and `If-None-Match` ask of the record that it changes; undefined where they ask nothing.
 * @throws InvalidRequest for what is no list of entity tags
 */
export function wantedBy(request: HttpRequest): Wanted | undefined {
  const match = request.headers.get("if-match")?.trim();
  const none = request.headers.get("if-none-match")?.trim();
  if (match === undefined && none === undefined) return undefined;
  const isWanted = match === undefined ? undefined : among("If-Match", match);
  const isUnwanted = none === undefined ? undefined : among("If-None-Match", none);
  return (etag) => isWanted?.(etag) !== false && isUnwanted?.(etag) !== true;
}

/** Before something else is changed for it. @throws PreconditionFailed */
export async function checkVersion(
  records: Pick<Records<unknown>, "get">,
  key: string,
  only: Wanted | undefined,
): Promise<void> {
  if (only && !only((await records.get(key))?.etag))
    throw new LeewardError("PreconditionFailed", "it is not the version that was asked for");
}

function among(header: string, text: string): Wanted {
  if (text === "*") return (etag) => etag !== undefined;
  const tags = text.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!tags.every((tag) => /^"[\x21\x23-\x7e]*"$/.test(tag)))
    throw new LeewardError("InvalidRequest", `the header ${header} is no list of entity tags`);
  return (etag) => etag !== undefined && tags.includes(tagOf(etag));
}
