import type { IncomingMessage } from "node:http";
import { bytes } from "../../../engine/core/units.ts";

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

export interface Range {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** `x-ms-range` counts before `range`. @throws DiskBlobError 400. */
export const rangeOf = (request: IncomingMessage): Range | undefined =>
  parsedRange(header(request, "x-ms-range") ?? header(request, "range"));

/** @throws DiskBlobError 400 for what is not `bytes=first-last`. */
export function parsedRange(text: string | undefined): Range | undefined {
  if (text === undefined) return undefined;
  const found = /^bytes=(\d+)-(\d*)$/.exec(text);
  if (!found) throw new DiskBlobError(400, "InvalidHeaderValue", "The range is not bytes=first-last.");
  return { start: Number(found[1]), end: found[2] ? bytes(Number(found[2]) + 1) : Number.MAX_SAFE_INTEGER };
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
