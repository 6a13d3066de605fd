import type { CapturePolicy } from "../engine/contract/agent-api.ts";
import type { Clock } from "../engine/core/clock.ts";
import { type Bytes, MIB, millis } from "../engine/core/units.ts";
import type { DiskDigests } from "./digests.ts";
import type { Rung } from "./pressure.ts";
import type { ClosedLog, Spool } from "./spool.ts";

/** A segment holds at most 64 MiB; one batch of the guest is at most a little over 32. */
const MOST_IN_LOG = 24 * MIB;
/** Under pressure a log may grow so many times older, */
const SLOWER = 4;
/** and to this part of the spool. */
const LARGER = 1 / 8;

interface RotationParts {
  readonly spool: Spool;
  readonly digests: readonly DiskDigests[];
  readonly clock: Clock;
  readonly limit: Bytes;
  readonly policy: () => CapturePolicy;
  readonly rung: () => Rung;
  readonly end: AbortSignal;
  readonly closed: (log: ClosedLog) => void;
  readonly broken: (error: unknown) => void;
}

/** Ends logs when they are large or old enough to become segments. */
export class Rotation {
  readonly #s: RotationParts;
  #watching = false;

  constructor(s: RotationParts) {
    this.#s = s;
  }

  /** Whether the open log has its size. */
  get due(): boolean {
    const { spool, limit } = this.#s;
    const { sealBytes } = this.#s.policy();
    const size = this.#s.rung() === "normal" ? sealBytes : Math.max(sealBytes, limit * LARGER);
    return spool.openSize >= Math.min(size, MOST_IN_LOG);
  }

  /** A log is never ended between its append and the disk's write: a kill there must find it as the newest. */
  rotate(): void {
    const { spool, digests } = this.#s;
    if (spool.openSince === undefined) return;
    try {
      for (const disk of digests) disk.save();
    } catch (error) {
      this.#s.broken(error);
    }
    const log = spool.rotate();
    if (log) this.#s.closed(log);
  }

  /** Call when a log was opened. */
  async watchAge(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    const { spool, clock, end } = this.#s;
    for (let since = spool.openSince; since !== undefined; since = spool.openSince) {
      const age = this.#s.policy().sealAge * (this.#s.rung() === "normal" ? 1 : SLOWER);
      const rest = since + age * 1000 - clock.now();
      if (rest <= 0) this.rotate();
      else await clock.sleep(millis(Math.ceil(rest / 1000)), end).catch(() => undefined);
      if (end.aborted) break;
    }
    this.#watching = false;
  }
}
