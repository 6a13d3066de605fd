import { BLOCK_SIZES, type Export, findExport } from "./export.ts";
import { EXPORT_FLAGS, HANDSHAKE, INFO, MAGIC, OPTION, OPTION_REPLY } from "./protocol.ts";

/** What a client made of the bytes it sent so far. */
export type Step =
  | { readonly kind: "more" }
  | { readonly kind: "answer"; readonly used: number; readonly reply: Buffer }
  | { readonly kind: "chosen"; readonly used: number; readonly reply: Buffer; readonly export: Export }
  | { readonly kind: "close"; readonly reply?: Buffer };

const MORE: Step = { kind: "more" };
const CLOSE: Step = { kind: "close" };
const NOTHING = Buffer.alloc(0);
/** Longer options are garbage or an attack; a real one holds a name of at most 4096 bytes. */
const MAX_OPTION = 64 * 1024;

/** The server's greeting. */
export function hello(): Buffer {
  const flags = Buffer.alloc(2);
  flags.writeUInt16BE(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes);
  return Buffer.concat([MAGIC.hello, flags]);
}

/** The negotiation of one connection, until the client has chosen an export. Holds no bytes itself. */
export class Handshake {
  readonly #exports: readonly Export[];
  #clientFlags: number | undefined;

  constructor(exports: readonly Export[]) {
    this.#exports = exports;
  }

  /** Takes one message from the front of `bytes`; the caller drops `used` bytes and asks again. */
  next(bytes: Buffer): Step {
    if (this.#clientFlags === undefined) return this.#takeFlags(bytes);
    if (bytes.length < 16) return MORE;
    if (bytes.compare(MAGIC.option, 0, 8, 0, 8) !== 0) return CLOSE;
    const option = bytes.readUInt32BE(8);
    const length = bytes.readUInt32BE(12);
    if (length > MAX_OPTION) return CLOSE;
    if (bytes.length < 16 + length) return MORE;
    return this.#answer(option, bytes.subarray(16, 16 + length), 16 + length);
  }

  #takeFlags(bytes: Buffer): Step {
    if (bytes.length < 4) return MORE;
    const flags = bytes.readUInt32BE(0);
    if ((flags & ~(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes)) !== 0) return CLOSE;
    this.#clientFlags = flags;
    return { kind: "answer", used: 4, reply: NOTHING };
  }

  #answer(option: number, data: Buffer, used: number): Step {
    switch (option) {
      case OPTION.exportName:
        return this.#exportName(data.toString("utf8"), used);
      case OPTION.abort:
        return { kind: "close", reply: optionReply(option, OPTION_REPLY.ack) };
      case OPTION.list:
        return { kind: "answer", used, reply: this.#list(data) };
      case OPTION.info:
      case OPTION.go:
        return this.#infoOrGo(option, data, used);
      default:
        return { kind: "answer", used, reply: optionReply(option, OPTION_REPLY.unsupported) };
    }
  }

  /** The oldest way to choose: no error reply exists, so an unknown name ends the connection. */
  #exportName(name: string, used: number): Step {
    const chosen = findExport(this.#exports, name);
    if (!chosen) return CLOSE;
    const padding = (this.#clientFlags ?? 0) & HANDSHAKE.noZeroes ? 0 : 124;
    const reply = Buffer.alloc(10 + padding);
    reply.writeBigUInt64BE(BigInt(chosen.size), 0);
    reply.writeUInt16BE(EXPORT_FLAGS, 8);
    return { kind: "chosen", used, reply, export: chosen };
  }

  #list(data: Buffer): Buffer {
    if (data.length > 0) return optionReply(OPTION.list, OPTION_REPLY.invalid, "LIST takes no data");
    const names = this.#exports.map((one) => {
      const entry = Buffer.alloc(4 + Buffer.byteLength(one.name));
      entry.writeUInt32BE(Buffer.byteLength(one.name), 0);
      entry.write(one.name, 4);
      return optionReply(OPTION.list, OPTION_REPLY.server, entry);
    });
    return Buffer.concat([...names, optionReply(OPTION.list, OPTION_REPLY.ack)]);
  }

  #infoOrGo(option: number, data: Buffer, used: number): Step {
    const name = exportNameIn(data);
    if (name === undefined)
      return {
        kind: "answer",
        used,
        reply: optionReply(option, OPTION_REPLY.invalid, "lengths do not add up"),
      };
    const found = findExport(this.#exports, name);
    if (!found)
      return { kind: "answer", used, reply: optionReply(option, OPTION_REPLY.unknown, "no such export") };
    const reply = Buffer.concat([
      optionReply(option, OPTION_REPLY.info, exportInfo(found)),
      optionReply(option, OPTION_REPLY.info, blockSizeInfo()),
      optionReply(option, OPTION_REPLY.ack),
    ]);
    return option === OPTION.go
      ? { kind: "chosen", used, reply, export: found }
      : { kind: "answer", used, reply };
  }
}

/** Data of INFO and GO: name length, name, number of information requests (2 bytes each), the requests. */
function exportNameIn(data: Buffer): string | undefined {
  if (data.length < 6) return undefined;
  const length = data.readUInt32BE(0);
  if (length > data.length - 6) return undefined;
  const wanted = data.readUInt16BE(4 + length);
  return data.length === 6 + length + 2 * wanted ? data.toString("utf8", 4, 4 + length) : undefined;
}

function exportInfo(of: Export): Buffer {
  const info = Buffer.alloc(12);
  info.writeUInt16BE(INFO.export, 0);
  info.writeBigUInt64BE(BigInt(of.size), 2);
  info.writeUInt16BE(EXPORT_FLAGS, 10);
  return info;
}

function blockSizeInfo(): Buffer {
  const info = Buffer.alloc(14);
  info.writeUInt16BE(INFO.blockSize, 0);
  info.writeUInt32BE(BLOCK_SIZES.minimum, 2);
  info.writeUInt32BE(BLOCK_SIZES.preferred, 6);
  info.writeUInt32BE(BLOCK_SIZES.maximum, 10);
  return info;
}

function optionReply(option: number, type: number, data: Buffer | string = NOTHING): Buffer {
  const body = typeof data === "string" ? Buffer.from(data) : data;
  const head = Buffer.alloc(20);
  MAGIC.optionReply.copy(head, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(body.length, 16);
  return Buffer.concat([head, body]);
}
