import { Socket } from "node:net";
import { KIB } from "../../engine/core/units.ts";

const SLAB = 1024 * KIB;
/** A read into less room than this costs more than it brings. */
const LEAST_ROOM = 64 * KIB;
const SPARE = 4;

/**
 * Memory that a socket reads into. Writes go from here to the spool and the disk without a copy; a slab is used again
 * when nothing in it is needed any more.
 */
export class Intake {
  /** In the order they were filled; the last one is being filled. */
  #used: { readonly slab: Buffer; filled: number }[] = [];
  readonly #spare: Buffer[] = [];

  /** Where the next bytes go. */
  room(): Buffer {
    const last = this.#used.at(-1);
    if (last && SLAB - last.filled >= LEAST_ROOM) return last.slab.subarray(last.filled);
    const slab = this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB);
    this.#used.push({ slab, filled: 0 });
    return slab;
  }

  /** The bytes that were just read, where they lie. */
  take(length: number): Buffer {
    const last = this.#used.at(-1);
    if (!last) throw new RangeError("nothing was read");
    const taken = last.slab.subarray(last.filled, last.filled + length);
    last.filled += length;
    return taken;
  }

  /** Only the newest `pending` bytes are still needed. */
  release(pending: number): void {
    let keep = this.#used.length;
    for (let covered = 0; covered < pending && keep > 0;) covered += this.#used[--keep]?.filled ?? 0;
    for (const { slab } of this.#used.splice(0, keep)) if (this.#spare.length < SPARE) this.#spare.push(slab);
  }
}

/**
 * The accepted socket again, reading into the intake. Node offers this (`onread`) only for sockets one makes oneself, so
 * the accepted one, which must be paused and untouched, gives up its handle. Undefined when this Node hides the handle.
 */
export function readInto(
  intake: Intake,
  accepted: Socket,
  received: (chunk: Buffer) => void,
): Socket | undefined {
  const handle: unknown = Reflect.get(accepted, "_handle");
  if (typeof handle !== "object" || handle === null) return undefined;
  const onread = {
    buffer: () => intake.room(),
    callback: (length: number) => {
      received(intake.take(length));
      return true;
    },
  };
  const options = { handle, onread };
  return new Socket(options);
}
