import { type Bytes, MIB, SECTOR } from "../../engine/core/units.ts";

/** Payload of one write as it came off the socket: pieces that follow each other. Valid until the call returns. */
export interface DiskWrite {
  readonly offset: Bytes;
  readonly length: Bytes;
  readonly parts: readonly Uint8Array[];
}

/** One disk as NBD clients see it. Offsets and lengths were checked; failures throw `DiskUnreadable`. */
export interface Export {
  readonly name: string;
  readonly size: Bytes;
  /** Fills the buffer from the offset. Sees every write whose call has returned. */
  read(offset: Bytes, into: Uint8Array): void;
  /** Carries out the writes in order; none is kept after the call. */
  write(writes: readonly DiskWrite[]): void;
  /** Makes the range read as zero. */
  zero(offset: Bytes, length: Bytes): Promise<void>;
  /** Resolves when everything written so far is durable. */
  flush(): Promise<void>;
  /** Resolves when changes may be acknowledged again; undefined, or absent, while they may. */
  holding?(): Promise<void> | undefined;
}

export const BLOCK_SIZES = { minimum: SECTOR, preferred: 4096, maximum: 32 * MIB } as const;

/** The disk a client asked for; an empty name means the only disk there is. */
export const findExport = (exports: readonly Export[], name: string): Export | undefined =>
  name === "" && exports.length === 1 ? exports[0] : exports.find((one) => one.name === name);
