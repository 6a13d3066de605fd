import { type Bytes, SECTOR, bytes } from "../../engine/core/units.ts";
import { BLOCK_SIZES, type Export } from "./export.ts";
import { COMMAND, ERROR, FLAG, MAGIC } from "./protocol.ts";

export const REQUEST_BYTES = 28;
export const REPLY_BYTES = 16;

/** A request header as it stands on the wire; nothing in it is to be trusted yet. */
export interface Request {
  readonly flags: number;
  readonly command: number;
  /** The client's name for this request, returned unchanged: two halves of 32 bits. */
  readonly handle: readonly [number, number];
  /** May be too large to be exact; then it is beyond every disk. */
  readonly offset: number;
  readonly length: number;
}

/** Undefined when the magic is wrong: the stream is out of step and cannot be found again. */
export function readRequest(from: Buffer, at: number): Request | undefined {
  if (from.readUInt32BE(at) !== MAGIC.request) return undefined;
  return {
    flags: from.readUInt16BE(at + 4),
    command: from.readUInt16BE(at + 6),
    handle: [from.readUInt32BE(at + 8), from.readUInt32BE(at + 12)],
    offset: from.readUInt32BE(at + 16) * 2 ** 32 + from.readUInt32BE(at + 20),
    length: from.readUInt32BE(at + 24),
  };
}

/** Writes a simple reply of 16 bytes. */
export function writeReply(to: Buffer, at: number, request: Request, error: number): void {
  to.writeUInt32BE(MAGIC.reply, at);
  to.writeUInt32BE(error, at + 4);
  to.writeUInt32BE(request.handle[0], at + 8);
  to.writeUInt32BE(request.handle[1], at + 12);
}

/** The error number a request deserves before anything is done for it; `ERROR.none` when it may go on. */
export function refusal(request: Request, of: Export): number {
  const { command, flags, offset, length } = request;
  switch (command) {
    case COMMAND.flush:
      return ERROR.none;
    case COMMAND.read:
    case COMMAND.write:
      if ((flags & ~FLAG.fua) !== 0 || length > BLOCK_SIZES.maximum) return ERROR.invalid;
      break;
    case COMMAND.trim:
    case COMMAND.writeZeroes:
      if ((flags & ~(FLAG.fua | FLAG.noHole)) !== 0) return ERROR.invalid;
      break;
    default:
      return ERROR.invalid;
  }
  if (length === 0 || offset % SECTOR !== 0 || length % SECTOR !== 0) return ERROR.invalid;
  if (offset + length <= of.size) return ERROR.none;
  return command === COMMAND.write || command === COMMAND.writeZeroes ? ERROR.noSpace : ERROR.invalid;
}

export const rangeOf = (request: Request): { offset: Bytes; length: Bytes } => ({
  offset: bytes(request.offset),
  length: bytes(request.length),
});
