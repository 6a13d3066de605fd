import type { HttpRequest } from "@azure/functions";
import { LeewardError } from "../engine/core/errors.ts";

/** No request of this API comes near it. */
const MAX_BODY = 256 * 1024;

/** The bytes as they were sent. @throws InvalidRequest when there are too many */
export async function limitedBody(request: HttpRequest): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    const bytes: Uint8Array = part;
    parts.push(bytes);
    size += bytes.length;
    if (size > MAX_BODY)
      throw new LeewardError("InvalidRequest", `the body is longer than ${MAX_BODY} bytes`);
  }
  return Buffer.concat(parts);
}
