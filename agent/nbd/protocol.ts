/**
 * Numbers of the NBD protocol (fixed newstyle, simple replies), from the protocol text of the NetworkBlockDevice
 * project, `doc/proto.md`. All integers on the wire are big-endian.
 */

export const MAGIC = {
  /** "NBDMAGIC" and "IHAVEOPT", the server's first 16 bytes. */
  hello: Buffer.from("NBDMAGICIHAVEOPT", "latin1"),
  option: Buffer.from("IHAVEOPT", "latin1"),
  optionReply: Buffer.from("0003e889045565a9", "hex"),
  request: 0x25609513,
  reply: 0x67446698,
} as const;

/** Handshake flags, ours and the client's. */
export const HANDSHAKE = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const OPTION = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const;

export const OPTION_REPLY = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: 0x80000001,
  invalid: 0x80000003,
  unknown: 0x80000006,
} as const;

export const INFO = { export: 0, blockSize: 3 } as const;

export const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4, writeZeroes: 6 } as const;

/** Command flags: force unit access (durable before the reply) and "leave no hole". */
export const FLAG = { fua: 1, noHole: 2 } as const;

/** Transmission flags of every export: flush, FUA, trim, write-zeroes, many connections at once. */
export const EXPORT_FLAGS = 1 | 4 | 8 | 32 | 64 | 256;

/** Error numbers of the protocol (they equal Linux's). */
export const ERROR = { none: 0, io: 5, invalid: 22, noSpace: 28 } as const;
