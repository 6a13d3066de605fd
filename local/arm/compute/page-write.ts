import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KIB, MIB, SECTOR } from "../../../engine/core/units.ts";
import { DiskBlobError, type Range, header, parsedRange, rangeOf } from "./blob-request.ts";
import type { ReadSource } from "./copy-source.ts";
import { type Target, lengthOf } from "./disk-image.ts";

const MAX_WRITE = 4 * MIB;
const SCAN = 4 * MIB;
const PAGE = 64 * KIB;
const ZEROS = Buffer.alloc(PAGE);

/** Put Page, Put Page From URL and Clear Page. @throws DiskBlobError: nothing was written then. */
export async function writePages(
  request: IncomingMessage,
  response: ServerResponse,
  image: FileHandle,
  target: Target,
  readSource: ReadSource,
): Promise<void> {
  if (!target.writable)
    throw new DiskBlobError(403, "AuthorizationPermissionMismatch", "This URL may only read.");
  const range = rangeOf(request);
  if (!range || !isPageRange(range, lengthOf(target))) throw badRange();
  if (header(request, "x-ms-page-write") === "clear") await clear(image, range);
  else await image.write(await pagesFor(request, range, readSource), 0, range.end - range.start, range.start);
  response.writeHead(201, {
    "x-ms-blob-sequence-number": "0",
    "x-ms-request-server-encrypted": "true",
    "content-length": 0,
  });
  response.end();
}

const isPageRange = ({ start, end }: Range, length: number): boolean =>
  start % SECTOR === 0 && end % SECTOR === 0 && start < end && end <= length;

const badRange = () => new DiskBlobError(416, "InvalidPageRange", "The page range specified is invalid.");

async function pagesFor(request: IncomingMessage, range: Range, readSource: ReadSource): Promise<Buffer> {
  const size = range.end - range.start;
  if (size > MAX_WRITE)
    throw new DiskBlobError(413, "RequestBodyTooLarge", "A page write has at most 4 MiB.");
  const source = header(request, "x-ms-copy-source");
  const data =
    source === undefined ? await bodyOf(request, size) : await copied(request, source, size, readSource);
  const md5 = header(request, source === undefined ? "content-md5" : "x-ms-source-content-md5");
  if (md5 && createHash("md5").update(data).digest("base64") !== md5)
    throw new DiskBlobError(400, "Md5Mismatch", "The MD5 value specified in the request did not match.");
  return data;
}

async function copied(
  request: IncomingMessage,
  source: string,
  size: number,
  readSource: ReadSource,
): Promise<Buffer> {
  if (header(request, "content-length") !== "0")
    throw new DiskBlobError(
      400,
      "InvalidHeaderValue",
      "A write from a URL has no body: Content-Length is not 0.",
    );
  const range = parsedRange(header(request, "x-ms-source-range"));
  if (range?.end !== (range?.start ?? 0) + size)
    throw new DiskBlobError(416, "InvalidPageRange", "The source range is not as long as the target range.");
  return readSource(source, range, header(request, "x-ms-copy-source-authorization"));
}

async function bodyOf(request: IncomingMessage, size: number): Promise<Buffer> {
  const data = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk) || filled + chunk.length > size) filled = size + 1;
    else filled += chunk.copy(data, filled);
  }
  if (filled !== size)
    throw new DiskBlobError(400, "InvalidHeaderValue", "The body is not as long as the range.");
  return data;
}

/** Writes zeros only where there are none yet, so that holes stay holes. */
async function clear(image: FileHandle, range: Range): Promise<void> {
  const data = Buffer.allocUnsafe(SCAN);
  for (let at = range.start; at < range.end; at += SCAN) {
    const length = Math.min(SCAN, range.end - at);
    const { bytesRead } = await image.read(data, 0, length, at);
    for (let page = 0; page < bytesRead; page += PAGE) {
      const end = Math.min(page + PAGE, bytesRead);
      const zeros = ZEROS.subarray(0, end - page);
      if (!data.subarray(page, end).equals(zeros)) await image.write(zeros, 0, end - page, at + page);
    }
  }
}
