import { type FileHandle, open } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { MIB } from "../../../engine/core/units.ts";
import { DiskBlobError, rangeOf } from "./blob-request.ts";
import type { ReadSource } from "./copy-source.ts";
import { type Target, bytesAt, lengthOf } from "./disk-image.ts";
import { listChanges, listPages } from "./page-list.ts";
import { writePages } from "./page-write.ts";

const PIECE = 4 * MIB;

/** What a call is about, beside the request. */
interface Asked {
  readonly url: URL;
  readonly target: Target;
  /** The snapshot that a list of changes starts from. */
  readonly previous: Target | undefined;
  readonly readSource: ReadSource;
}

/** The part of the page-blob protocol that managed disks and snapshots offer. */
export async function answerDiskBlob(
  request: IncomingMessage,
  response: ServerResponse,
  asked: Asked,
): Promise<void> {
  const { url, target, previous } = asked;
  const { method } = request;
  const comp = url.searchParams.get("comp");
  const image = await open(target.image.hidden.file, target.writable ? "r+" : "r");
  try {
    response.setHeader("etag", `"${String(target.image.properties["uniqueId"])}"`);
    response.setHeader("last-modified", new Date().toUTCString());
    if (method === "HEAD" && !comp) return head(response, target);
    if (method === "GET" && !comp) return await read(request, response, image, target);
    if (method === "GET" && comp === "pagelist" && previous)
      return await changes(request, response, url, image, target, previous);
    if (method === "GET" && comp === "pagelist")
      return await listPages(request, response, url, image, target);
    if (method === "PUT" && comp === "page")
      return await writePages(request, response, image, target, asked.readSource);
  } finally {
    await image.close();
  }
  throw new DiskBlobError(
    405,
    "UnsupportedHttpVerb",
    "The resource doesn't support the specified HTTP verb.",
  );
}

async function changes(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  now: FileHandle,
  target: Target,
  previous: Target,
): Promise<void> {
  const before = await open(previous.image.hidden.file, "r");
  try {
    await listChanges(request, response, url, { now, before }, { now: target, before: previous });
  } finally {
    await before.close();
  }
}

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
  for (let at = range.start; at < range.end; at += PIECE)
    if (!response.write(await bytesAt(image, target, at, Math.min(PIECE, range.end - at))))
      await drained(response);
  response.end();
}

const drained = (response: ServerResponse) =>
  new Promise<void>((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
