import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { KIB, MIB } from "../../../engine/core/units.ts";
import { DiskBlobError, type Range, rangeOf } from "./blob-request.ts";
import { type Target, bytesAt, lengthOf } from "./disk-image.ts";

interface Found {
  readonly kind: "PageRange" | "ClearRange";
  readonly start: number;
  end: number;
}

const SCAN = 4 * MIB;
/** How finely allocation is told, and how finely a difference. */
const ALLOCATED = 64 * KIB;
const CHANGED = 4 * KIB;
const ZEROS = Buffer.alloc(SCAN);
const MOST_RESULTS = 10_000;

/** Ranges that are not all zero, found by reading: a file system's own list of holes is out of Node's reach. */
export async function listPages(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  image: FileHandle,
  target: Target,
): Promise<void> {
  const list = lister(request, url, target);
  for (const piece of list.pieces()) {
    const data = await bytesAt(image, target, piece.start, piece.end - piece.start);
    for (const [start, end] of cut(data.length, ALLOCATED))
      if (!isZero(data, start, end)) list.add("PageRange", piece.start + start, piece.start + end);
  }
  list.answer(response);
}

/**
 * What differs from an earlier snapshot, found by comparing: a page that was written with what it held before is no
 * difference here, though it may be one on Azure. What became zero is cleared.
 */
export async function listChanges(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  images: { readonly now: FileHandle; readonly before: FileHandle },
  targets: { readonly now: Target; readonly before: Target },
): Promise<void> {
  const list = lister(request, url, targets.now);
  for (const piece of list.pieces()) {
    const length = piece.end - piece.start;
    const data = await bytesAt(images.now, targets.now, piece.start, length);
    const old = await bytesAt(images.before, targets.before, piece.start, length);
    if (data.equals(old)) continue;
    for (const [start, end] of cut(length, CHANGED))
      if (!data.subarray(start, end).equals(old.subarray(start, end)))
        list.add(
          isZero(data, start, end) ? "ClearRange" : "PageRange",
          piece.start + start,
          piece.start + end,
        );
  }
  list.answer(response);
}

/** Collects ranges, joins neighbours, and ends a page of results at `maxresults` with a marker. */
function lister(request: IncomingMessage, url: URL, target: Target) {
  const length = lengthOf(target);
  const asked = rangeOf(request);
  const most = Math.min(positive(url.searchParams.get("maxresults")) ?? MOST_RESULTS, MOST_RESULTS);
  const end = Math.min(asked?.end ?? length, length);
  const found: Found[] = [];
  let next: number | undefined;
  return {
    *pieces(): Generator<Range> {
      const first = Math.max(asked?.start ?? 0, positive(url.searchParams.get("marker")) ?? 0);
      for (let at = first; at < end && next === undefined; at += SCAN)
        yield { start: at, end: Math.min(at + SCAN, end) };
    },
    add(kind: Found["kind"], start: number, until: number): void {
      const last = found.at(-1);
      if (next !== undefined) return;
      if (last?.end === start && last.kind === kind) last.end = until;
      else if (found.length === most) next = start;
      else found.push({ kind, start, end: until });
    },
    answer(response: ServerResponse): void {
      const ranges = found.map(
        (range) => `<${range.kind}><Start>${range.start}</Start><End>${range.end - 1}</End></${range.kind}>`,
      );
      const marker = next === undefined ? "" : `<NextMarker>${next}</NextMarker>`;
      response.writeHead(200, { "content-type": "application/xml", "x-ms-blob-content-length": length });
      response.end(`<?xml version="1.0" encoding="utf-8"?><PageList>${ranges.join("")}${marker}</PageList>`);
    },
  };
}

function positive(text: string | null): number | undefined {
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new DiskBlobError(400, "InvalidQueryParameterValue", "maxresults or marker is not a number above 0.");
}

function* cut(length: number, size: number): Generator<readonly [number, number]> {
  for (let at = 0; at < length; at += size) yield [at, Math.min(at + size, length)];
}

const isZero = (data: Buffer, start: number, end: number): boolean =>
  data.subarray(start, end).equals(ZEROS.subarray(0, end - start));
