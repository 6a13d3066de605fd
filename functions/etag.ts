import { hash } from "node:crypto";
import type { HttpRequest } from "@azure/functions";
import { LeewardError } from "../engine/core/errors.ts";
import type { ETag } from "../engine/storage/store.ts";

/** Whether a record is the version that a request wants to change. */
export type Wanted = (etag: ETag) => boolean;

/** What the API calls a version of a record: as opaque as the storage's own, and legal in a header. */
export const tagOf = (etag: ETag): string => `"${hash("sha256", etag).slice(0, 16)}"`;

/**
 * What a request's `If-Match` asks of the record that it changes; undefined where it asks nothing.
 * @throws InvalidRequest for what is no list of entity tags
 */
export function wantedBy(request: HttpRequest): Wanted | undefined {
  const header = request.headers.get("if-match")?.trim();
  if (header === undefined || header === "*") return undefined;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (!tags.every((tag) => /^"[\x21\x23-\x7e]*"$/.test(tag)))
    throw new LeewardError("InvalidRequest", "the header If-Match is no list of entity tags");
  return (etag) => tags.includes(tagOf(etag));
}
