import { RestError } from "@azure/core-rest-pipeline";
import type { BlobDownloadResponseParsed } from "@azure/storage-blob";
import { messageOf } from "../core/errors.ts";
import { lend } from "../core/lent.ts";

/**
 * The whole body of a download, in one buffer, which may be given back. By events, because a loop over the stream costs a third more CPU.
 * @throws RestError that may be tried again when it breaks off.
 */
export function bodyOf(answer: BlobDownloadResponseParsed): Promise<Buffer> {
  const body = lend(answer.contentLength ?? 0);
  let filled = 0;
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new RestError(`the body broke off: ${why}`, { code: "BodyLost" }));
    answer.readableStreamBody
      ?.on("data", (chunk: Buffer) => {
        filled += chunk.copy(body, filled);
      })
      .on("error", (error) => fail(messageOf(error)))
      .on("close", () => fail("closed"))
      .on("end", () => (filled === body.length ? resolve(body) : fail(`${filled} of ${body.length} bytes`)));
  });
}
