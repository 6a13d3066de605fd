import { LeewardError } from "../../engine/core/errors.ts";
import { type Bytes, bytes } from "../../engine/core/units.ts";
import type { ByteReader } from "./byte-reader.ts";

/** The client's side of the NBD protocol: fixed newstyle, `NBD_OPT_GO`, simple replies (nbd/doc/proto.md). */

const SERVER_HELLO = Buffer.from("NBDMAGICIHAVEOPT");
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const SIMPLE_REPLY_MAGIC = 0x67446698;
const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;
const OPTION_GO = 7;
const REPLY_ACK = 1;
const REPLY_INFO = 3;
const INFO_EXPORT = 0;

const COMMANDS = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
type Command = keyof typeof COMMANDS;

interface ServerReply {
  readonly error: number;
  readonly cookie: bigint;
}

/** Negotiates the export. @throws DiskUnreadable when the server speaks something else or refuses the export. */
export async function negotiate(
  reader: ByteReader,
  send: (data: Buffer) => void,
  exportName: string,
): Promise<{ size: Bytes }> {
  const hello = await reader.read(18);
  if (!hello.subarray(0, 16).equals(SERVER_HELLO) || (hello.readUInt16BE(16) & FIXED_NEWSTYLE) === 0)
    throw new LeewardError("DiskUnreadable", "the NBD server does not speak the fixed newstyle protocol");
  send(goRequest(exportName, hello.readUInt16BE(16) & NO_ZEROES));
  let size: Bytes | undefined;
  for (;;) {
    const { type, data } = await optionReply(reader);
    if (type === REPLY_INFO && data.length >= 10 && data.readUInt16BE(0) === INFO_EXPORT)
      size = bytes(Number(data.readBigUInt64BE(2)));
    else if (type === REPLY_ACK && size !== undefined) return { size };
    else if (type !== REPLY_INFO)
      throw new LeewardError(
        "DiskUnreadable",
        `the NBD server refuses the export ${JSON.stringify(exportName)}: reply ${type.toString(16)} ${data.toString()}`,
      );
  }
}

export function request(command: Command, cookie: bigint, offset: number, length: number): Buffer {
  const header = Buffer.alloc(28);
  header.writeUInt32BE(REQUEST_MAGIC, 0);
  header.writeUInt16BE(COMMANDS[command], 6);
  header.writeBigUInt64BE(cookie, 8);
  header.writeBigUInt64BE(BigInt(offset), 16);
  header.writeUInt32BE(length, 24);
  return header;
}

/** @throws DiskUnreadable when the bytes are no reply: the connection cannot be used any further. */
export async function reply(reader: ByteReader): Promise<ServerReply> {
  const header = await reader.read(16);
  if (header.readUInt32BE(0) !== SIMPLE_REPLY_MAGIC)
    throw new LeewardError("DiskUnreadable", "the NBD server sent something that is no reply");
  return { error: header.readUInt32BE(4), cookie: header.readBigUInt64BE(8) };
}

function goRequest(exportName: string, noZeroes: number): Buffer {
  const name = Buffer.from(exportName);
  const message = Buffer.alloc(4 + 16 + 4 + name.length + 2);
  message.writeUInt32BE(FIXED_NEWSTYLE | noZeroes, 0);
  message.write("IHAVEOPT", 4);
  message.writeUInt32BE(OPTION_GO, 12);
  message.writeUInt32BE(4 + name.length + 2, 16);
  message.writeUInt32BE(name.length, 20);
  name.copy(message, 24);
  return message;
}

async function optionReply(reader: ByteReader): Promise<{ type: number; data: Buffer }> {
  const header = await reader.read(20);
  if (header.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC || header.readUInt32BE(8) !== OPTION_GO)
    throw new LeewardError("DiskUnreadable", "the NBD server sent something that is no option reply");
  return { type: header.readUInt32BE(12), data: await reader.read(header.readUInt32BE(16)) };
}
