import { hash } from "node:crypto";
import { SECTOR } from "../../engine/core/units.ts";
import type { BlockDevice } from "./block-device.ts";

/** Sectors in use, one after the other, round and round. */
const SECTORS = 1024;
const CHECKED = SECTOR - 32;

/**
 * Numbers of orders on a disk of their own, each in a sector, written once the order is durable on the other disks. So
 * a number that is on the tape of a restored machine, without its order in the database, would be an effect without its
 * cause.
 */
export class Tape {
  readonly #device: BlockDevice;
  #last: number;

  static async open(device: BlockDevice): Promise<Tape> {
    const all = await device.read(0, SECTORS * SECTOR);
    const noted = Array.from({ length: SECTORS }, (_, n) =>
      decode(all.subarray(n * SECTOR, (n + 1) * SECTOR)),
    );
    return new Tape(device, Math.max(...noted));
  }

  private constructor(device: BlockDevice, last: number) {
    this.#device = device;
    this.#last = last;
  }

  get last(): number {
    return this.#last;
  }

  /** Resolves once the number is durable. */
  async note(order: number): Promise<void> {
    const sector = Buffer.alloc(SECTOR);
    sector.writeBigUInt64LE(BigInt(order));
    checksum(sector).copy(sector, CHECKED);
    await this.#device.write((order % SECTORS) * SECTOR, sector);
    await this.#device.flush();
    this.#last = order;
  }
}

/** 0 for a sector that was never written, or only in part. */
const decode = (sector: Buffer): number =>
  checksum(sector).equals(sector.subarray(CHECKED)) ? Number(sector.readBigUInt64LE()) : 0;

const checksum = (sector: Buffer): Buffer => hash("sha256", sector.subarray(0, CHECKED), "buffer");
