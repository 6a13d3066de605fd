import type { Bytes } from "../../engine/core/units.ts";

/**
 * The raw disk of a simulated machine. Offsets and lengths are multiples of 512 and lie within the disk. Several calls
 * may run at once; calls that touch the same bytes at the same time have no order. A write survives a power cut once
 * a `flush` that began after it has ended. All methods throw `DiskUnreadable`.
 */
export interface BlockDevice {
  readonly size: Bytes;
  read(offset: number, length: number): Promise<Buffer>;
  /** The data must not be changed until the call has ended. */
  write(offset: number, data: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** The longest single read or write: what every NBD server takes by default. */
export const MAX_TRANSFER = 32 * 1024 * 1024;
