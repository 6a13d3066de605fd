import { giveBack } from "../core/lent.ts";
import { MIB, bytes } from "../core/units.ts";
import { type Run, WORTH_A_CALL, runsOf } from "./run.ts";

/** A decoded segment: its memory is free once no piece of it waits, and no run that has a view of it is in use. */
export class Body {
  /** In bytes, for as long as a piece waits. */
  readonly size: number;
  readonly #memory: Uint8Array | undefined;
  #waiting = 0;
  #uses = 1;

  /** @param memory what `lend` gave for it; whoever makes the body uses it until it calls `leave` */
  constructor(size: number, memory?: Uint8Array) {
    this.size = size;
    this.#memory = memory;
  }

  /** One more piece waits. @returns whether it is the first */
  wait(): boolean {
    this.#uses++;
    return this.#waiting++ === 0;
  }

  /** The piece waits no more, but is in use. @returns whether it was the last */
  go(): boolean {
    return --this.#waiting === 0;
  }

  /** One use less. */
  leave(): void {
    if (--this.#uses === 0 && this.#memory) giveBack(this.#memory);
  }
}

/** One page write; pieces are gathered in ranges aligned to it. */
const WINDOW = 4 * MIB;
/** More than any disk has windows. */
const DISK_SHIFT = 2 ** 40;

interface Window {
  readonly pieces: Run[];
  readonly bodies: Body[];
  filled: number;
}

/**
 * Gathers pieces until they make a whole window, so that data written in order go out at once and scattered data wait for
 * their neighbours. Pieces must not overlap.
 */
export class Windows {
  readonly #windows = new Map<number, Window>();
  #held = 0;

  /** Memory of the segments that pieces which wait belong to. */
  get held(): number {
    return this.#held;
  }

  /** Takes a piece in and gives back what it completes. Long zeros need no neighbours and go through. */
  *put(piece: Run, body: Body): Generator<Run> {
    if (piece.data === undefined && piece.length >= WORTH_A_CALL) {
      yield piece;
      return;
    }
    for (const part of partsOf(piece)) {
      const key = part.disk * DISK_SHIFT + Math.floor(part.offset / WINDOW);
      const window = this.#windows.get(key) ?? { pieces: [], bodies: [], filled: 0 };
      this.#windows.set(key, window);
      this.#hold(window, part, body);
      if (window.filled === WINDOW) yield* this.#release(key, window);
    }
  }

  /** Everything that waits, ascending. */
  *flush(): Generator<Run> {
    for (const [key, window] of [...this.#windows].toSorted(([a], [b]) => a - b))
      yield* this.#release(key, window);
  }

  #hold(window: Window, part: Run, body: Body): void {
    window.pieces.push(part);
    window.filled += part.length;
    window.bodies.push(body);
    if (body.wait()) this.#held += body.size;
  }

  #release(key: number, { pieces, bodies }: Window): Run[] {
    this.#windows.delete(key);
    for (const body of bodies) if (body.go()) this.#held -= body.size;
    return releasing([...runsOf(pieces)], () => bodies.forEach((body) => body.leave()));
  }
}

/** Calls `done` when each run was released that has data. */
function releasing(runs: readonly Run[], done: () => void): Run[] {
  const using = new Set(runs.filter(({ data }) => data));
  if (using.size === 0) done();
  return runs.map((run) => {
    if (!run.data) return run;
    const release = () => {
      if (!using.delete(run)) return;
      run.release?.();
      if (using.size === 0) done();
    };
    return { ...run, release };
  });
}

function* partsOf(piece: Run): Generator<Run> {
  const end = piece.offset + piece.length;
  for (let start: number = piece.offset; start < end;) {
    const next = Math.min(end, (Math.floor(start / WINDOW) + 1) * WINDOW);
    yield partOf(piece, start, next);
    start = next;
  }
}

const partOf = ({ disk, offset, data }: Run, start: number, end: number): Run => ({
  disk,
  offset: bytes(start),
  length: bytes(end - start),
  data: data?.subarray(start - offset, end - offset),
});
