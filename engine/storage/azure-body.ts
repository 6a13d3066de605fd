import { RestError } from "@azure/core-rest-pipeline";
import type { BlobDownloadResponseParsed } from "@azure/storage-blob";
import { messageOf } from "../core/errors.ts";

/** The whole body of a download, in one buffer. @throws RestError that may be tried again when it breaks off. */
export async function bodyOf(answer: BlobDownloadResponseParsed): Promise<Buffer> {
  const body = Buffer.allocUnsafe(answer.contentLength ?? 0);
  let filled = 0;
  try {
    for await (const chunk of answer.readableStreamBody ?? [])
      filled += Buffer.from(chunk).copy(body, filled);
  } catch (error) {
    throw new RestError(`the body broke off: ${messageOf(error)}`, { code: "BodyLost" });
  }
  if (filled !== body.length) throw new RestError("the body is short", { code: "BodyLost" });
  return body;
}
