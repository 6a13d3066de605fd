import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import { MIB, SECTOR } from "../../engine/core/units.ts";
import type { BlockDevice } from "./block-device.ts";

interface Run {
  readonly start: number;
  end: number;
  readonly parts: Uint8Array[];
}

/** One write to the device at the most. */
const MAX_RUN = MIB;
/** Bytes that may wait before a writer has to. */
const MAX_WAITING = 4 * MIB;

/**
 * Byte-granular reads and writes over a disk of sectors. Writes that follow each other become one, whole sectors, and
 * reach the device one after the other in the order of their first byte's arrival. Nothing is durable before `sync`.
 * After a failed write every later call fails with the same error: what the disk holds is not known any more.
 */
export class ByteDisk {
  readonly #device: BlockDevice;
  #run: Run | undefined;
  #waiting = 0;
  #queue: Promise<void> = Promise.resolve();
  #queued: Run[] = [];
  #failure: LeewardError | undefined;
  /** The last sector that was written, which the next write often begins in. */
  #edge: { readonly offset: number; readonly data: Buffer } | undefined;

  constructor(device: BlockDevice) {
    this.#device = device;
  }

  /** So much is waiting that a writer should settle it first. */
  get crowded(): boolean {
    return this.#waiting > MAX_WAITING;
  }

  /** Copies the data; a failure shows in the next call that can be waited for. */
  write(offset: number, data: Uint8Array): void {
    const part = Buffer.from(data);
    this.#waiting += part.length;
    if (this.#run && this.#run.end === offset && offset + part.length - this.#run.start <= MAX_RUN) {
      this.#run.parts.push(part);
      this.#run.end += part.length;
      return;
    }
    this.#launch();
    this.#run = { start: offset, end: offset + part.length, parts: [part] };
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const end = offset + length;
    const pending = [...this.#queued, ...(this.#run ? [this.#run] : [])];
    if (pending.some((run) => run.start < end && offset < run.end)) await this.settle();
    if (this.#failure) throw this.#failure;
    const from = floor(offset);
    const data = await this.#device.read(from, ceil(end) - from);
    return data.subarray(offset - from, end - from);
  }

  /** All writes so far are durable when it ends. */
  async sync(): Promise<void> {
    await this.settle();
    await this.#device.flush();
  }

  /** All writes so far have reached the device. */
  async settle(): Promise<void> {
    this.#launch();
    await this.#queue;
    if (this.#failure) throw this.#failure;
  }

  #launch(): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    this.#queued.push(run);
    this.#queue = this.#queue.then(() => this.#put(run));
  }

  async #put(run: Run): Promise<void> {
    try {
      if (!this.#failure) await this.#putSectors(run);
    } catch (error) {
      this.#failure = new LeewardError("DiskUnreadable", messageOf(error), error);
    } finally {
      this.#queued = this.#queued.filter((other) => other !== run);
      this.#waiting -= run.end - run.start;
    }
  }

  /** The rest of the first and the last sector is what the disk holds there. */
  async #putSectors(run: Run): Promise<void> {
    const [from, to] = [floor(run.start), ceil(run.end)];
    const before = run.start > from ? (await this.#sector(from)).subarray(0, run.start - from) : undefined;
    const last = to - SECTOR;
    const after = run.end < to ? (await this.#sector(last)).subarray(run.end - last) : undefined;
    const data = Buffer.concat([before ?? EMPTY, ...run.parts, after ?? EMPTY]);
    await this.#device.write(from, data);
    this.#edge = { offset: last, data: Buffer.from(data.subarray(last - from)) };
  }

  async #sector(offset: number): Promise<Buffer> {
    return this.#edge?.offset === offset ? this.#edge.data : await this.#device.read(offset, SECTOR);
  }
}

const EMPTY = Buffer.alloc(0);
const floor = (offset: number): number => offset - (offset % SECTOR);
const ceil = (offset: number): number => floor(offset + SECTOR - 1);
