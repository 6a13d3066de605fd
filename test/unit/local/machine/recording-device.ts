import { type Bytes, SECTOR, bytes } from "../../../../engine/core/units.ts";
import type { BlockDevice } from "../../../../local/machine/block-device.ts";

export type Event = { readonly offset: number; readonly data: Buffer } | "flush";

/** A disk in memory that remembers, in order, what was done to it; so any crash can be replayed. */
export class RecordingDevice implements BlockDevice {
  readonly size: Bytes;
  readonly events: Event[] = [];
  readonly start: Buffer;
  readonly content: Buffer;

  constructor(start: Buffer) {
    this.size = bytes(start.length);
    this.start = Buffer.from(start);
    this.content = Buffer.from(start);
  }

  async read(offset: number, length: number): Promise<Buffer> {
    check(offset, length, this.size);
    return Buffer.from(this.content.subarray(offset, offset + length));
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    check(offset, data.length, this.size);
    const copy = Buffer.from(data);
    copy.copy(this.content, offset);
    this.events.push({ offset, data: copy });
  }

  async flush(): Promise<void> {
    this.events.push("flush");
  }

  async close(): Promise<void> {}

  /** The disk as it would be with only these events, in this order. */
  with(events: readonly Event[]): Buffer {
    const content = Buffer.from(this.start);
    for (const event of events) if (event !== "flush") event.data.copy(content, event.offset);
    return content;
  }
}

function check(offset: number, length: number, size: number): void {
  if (offset % SECTOR || length % SECTOR || length <= 0 || offset < 0 || offset + length > size)
    throw new RangeError(`${length} bytes at ${offset} of a disk of ${size}`);
}
