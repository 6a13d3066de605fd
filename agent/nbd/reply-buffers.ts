import { KIB, MIB } from "../../engine/core/units.ts";
import { REPLY_BYTES } from "./request.ts";

/** Below this a fresh buffer costs less than keeping one. */
const SMALL = 8 * KIB;
const LARGE = MIB;
const SPARE = 16;

/**
 * Buffers for the answers to reads, used again once they were sent. Fresh ones of this size make the garbage collector
 * run all the time: that was half of the cost of a large read.
 */
export class ReplyBuffers {
  readonly #spare: Buffer[] = [];

  /** Room for a reply header and `length` bytes. Hand it back with `giveBack` when it is sent. */
  take(length: number): Buffer {
    const size = REPLY_BYTES + length;
    if (length <= SMALL || length > LARGE) return Buffer.allocUnsafe(size);
    return (this.#spare.pop() ?? Buffer.allocUnsafeSlow(REPLY_BYTES + LARGE)).subarray(0, size);
  }

  giveBack(buffer: Buffer): void {
    const whole = buffer.buffer;
    if (whole.byteLength === REPLY_BYTES + LARGE && this.#spare.length < SPARE)
      this.#spare.push(Buffer.from(whole, 0, whole.byteLength));
  }
}
