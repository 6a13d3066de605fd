import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { MIB, SECTOR, bytes } from "../../../engine/core/units.ts";
import { VHD_FOOTER_BYTES, vhdFooter } from "../../../engine/azure/vhd-footer.ts";
import type { Disk } from "../model.ts";

/** A refusal in the words of the blob service. */
export class DiskBlobError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Target {
  readonly disk: Disk;
  readonly writable: boolean;
}

interface Range {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

const MAX_WRITE = 4 * MIB;
const SCAN = 4 * MIB;
const PAGE = 64 * 1024;
const ZEROS = Buffer.alloc(PAGE);

/** The part of the page-blob protocol that managed disks offer. A disk being read ends in a VHD footer made up here. */
export async function answerDiskBlob(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  target: Target,
): Promise<void> {
  const comp = url.searchParams.get("comp");
  const image = await open(target.disk.hidden.file, target.writable ? "r+" : "r");
  try {
    response.setHeader("etag", `"${target.disk.properties["uniqueId"]}"`);
    response.setHeader("last-modified", new Date().toUTCString());
    if (request.method === "HEAD" && !comp) return head(response, target);
    if (request.method === "GET" && !comp) return await read(request, response, image, target);
    if (request.method === "GET" && comp === "pagelist") return await list(request, response, image, target);
    if (request.method === "PUT" && comp === "page") return await write(request, response, image, target);
  } finally {
    await image.close();
  }
  throw new DiskBlobError(
    405,
    "UnsupportedHttpVerb",
    "The resource doesn't support the specified HTTP verb.",
  );
}

const lengthOf = ({ disk }: Target): number => disk.properties.diskSizeBytes + VHD_FOOTER_BYTES;

function head(response: ServerResponse, target: Target): void {
  response.writeHead(200, {
    "content-length": lengthOf(target),
    "content-type": "application/octet-stream",
    "x-ms-blob-type": "PageBlob",
    "x-ms-blob-sequence-number": "0",
    "accept-ranges": "bytes",
  });
  response.end();
}

async function read(
  request: IncomingMessage,
  response: ServerResponse,
  image: FileHandle,
  target: Target,
): Promise<void> {
  const length = lengthOf(target);
  const asked = rangeOf(request);
  const range = { start: asked?.start ?? 0, end: Math.min(asked?.end ?? length, length) };
  if (range.start >= length || range.start >= range.end)
    throw new DiskBlobError(
      416,
      "InvalidRange",
      "The range specified is invalid for the current size of the resource.",
    );
  response.writeHead(asked ? 206 : 200, {
    "content-length": range.end - range.start,
    "content-type": "application/octet-stream",
    "x-ms-blob-type": "PageBlob",
    "accept-ranges": "bytes",
    ...(asked && { "content-range": `bytes ${range.start}-${range.end - 1}/${length}` }),
  });
  for (let at = range.start; at < range.end; at += SCAN)
    if (!response.write(await bytesAt(image, target, at, Math.min(SCAN, range.end - at))))
      await drained(response);
  response.end();
}

const drained = (response: ServerResponse) =>
  new Promise<void>((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });

async function bytesAt(image: FileHandle, target: Target, offset: number, length: number): Promise<Buffer> {
  const data = Buffer.alloc(length);
  await image.read(data, 0, length, offset);
  const size = target.disk.properties.diskSizeBytes;
  if (!target.writable && offset + length > size) {
    const id = createHash("md5").update(target.disk.id).digest();
    const footer = vhdFooter(size, id);
    footer.copy(data, Math.max(0, size - offset), Math.max(0, offset - size), offset + length - size);
  }
  return data;
}

/** Ranges that are not all zero, found by reading: a file system's own list of holes is out of Node's reach. */
async function list(
  request: IncomingMessage,
  response: ServerResponse,
  image: FileHandle,
  target: Target,
): Promise<void> {
  const length = lengthOf(target);
  const asked = rangeOf(request);
  const end = Math.min(asked?.end ?? length, length);
  const found: { start: number; end: number }[] = [];
  for (let at = asked?.start ?? 0; at < end; at += SCAN) {
    const data = await bytesAt(image, target, at, Math.min(SCAN, end - at));
    for (let page = 0; page < data.length; page += PAGE) {
      const part = data.subarray(page, page + PAGE);
      if (part.equals(part.length === PAGE ? ZEROS : ZEROS.subarray(0, part.length))) continue;
      const last = found.at(-1);
      if (last?.end === at + page) last.end += part.length;
      else found.push({ start: at + page, end: at + page + part.length });
    }
  }
  const ranges = found.map(
    (range) => `<PageRange><Start>${range.start}</Start><End>${range.end - 1}</End></PageRange>`,
  );
  response.writeHead(200, { "content-type": "application/xml", "x-ms-blob-content-length": length });
  response.end(`<?xml version="1.0" encoding="utf-8"?><PageList>${ranges.join("")}</PageList>`);
}

async function write(
  request: IncomingMessage,
  response: ServerResponse,
  image: FileHandle,
  target: Target,
): Promise<void> {
  if (!target.writable)
    throw new DiskBlobError(403, "AuthorizationPermissionMismatch", "This URL may only read.");
  const range = rangeOf(request);
  const length = lengthOf(target);
  if (!range || range.start % SECTOR !== 0 || range.end % SECTOR !== 0 || range.end > length)
    throw new DiskBlobError(416, "InvalidPageRange", "The page range specified is invalid.");
  const clears = header(request, "x-ms-page-write") === "clear";
  if (clears) await clear(image, range);
  else await update(request, image, range);
  response.writeHead(201, { "x-ms-blob-sequence-number": "0", "content-length": 0 });
  response.end();
}

async function update(request: IncomingMessage, image: FileHandle, range: Range): Promise<void> {
  const size = range.end - range.start;
  if (size > MAX_WRITE)
    throw new DiskBlobError(413, "RequestBodyTooLarge", "A page write has at most 4 MiB.");
  const data = await bodyOf(request, size);
  const md5 = header(request, "content-md5");
  if (md5 && createHash("md5").update(data).digest("base64") !== md5)
    throw new DiskBlobError(400, "Md5Mismatch", "The MD5 value specified in the request did not match.");
  await image.write(data, 0, size, range.start);
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

function rangeOf(request: IncomingMessage): Range | undefined {
  const text = header(request, "x-ms-range") ?? header(request, "range");
  if (text === undefined) return undefined;
  const found = /^bytes=(\d+)-(\d*)$/.exec(text);
  if (!found) throw new DiskBlobError(400, "InvalidHeaderValue", "The range is not bytes=first-last.");
  return { start: Number(found[1]), end: found[2] ? bytes(Number(found[2]) + 1) : Number.MAX_SAFE_INTEGER };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
