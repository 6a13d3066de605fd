import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import type { DiskIndex } from "../core/units.ts";
import { replicaName } from "../journal/names.ts";
import type { Fence, PageStore } from "../storage/store.ts";
import type { SizedDisk } from "./blocks.ts";
import type { Reservation } from "./reservation.ts";

interface Replica {
  readonly machine: MachineId;
  readonly disks: readonly SizedDisk[];
}

/** Each time somebody else must have taken a fence and then died, or seen that it came too late. */
const MOST_RETAKEN = 10;

/**
 * The right to write to all disks of a replica. Two runs that take the fences of several disks at the same time may each end up
 * with some of them, and neither could go on. The reservation decides, which only one of them was the last to put, behind its own
 * fences: that one takes the fences again, and whoever else meets a lost fence ends with FenceLost.
 *
 * That nobody else writes, with a fence of which this one knows nothing: who takes a fence writes only after it has put the
 * reservation behind that. So whoever took one later than the owner either has not put it, and does not write, or is the owner.
 */
export class ReplicaFences {
  readonly #pages: PageStore;
  readonly #replica: Replica;
  #fences: ReadonlyMap<DiskIndex, Fence>;
  #reservation: Reservation | undefined;
  #retaken = 0;
  #retaking: Promise<void> | undefined;

  private constructor(pages: PageStore, replica: Replica, fences: ReadonlyMap<DiskIndex, Fence>) {
    this.#pages = pages;
    this.#replica = replica;
    this.#fences = fences;
  }

  /** From whoever holds them. Nothing may be written before `reserved` was called. @throws as `PageStore.takeFence` */
  static async take(pages: PageStore, replica: Replica): Promise<ReplicaFences> {
    return new ReplicaFences(pages, replica, await takeAll(pages, replica));
  }

  /** @param reservation put after the fences were taken */
  reserved(reservation: Reservation): void {
    this.#reservation = reservation;
  }

  /**
   * Acts with the fence of a disk; again, where that was lost to a run that does not own the replica.
   * @param act may run several times
   * @throws FenceLost when another run does; what `act` throws
   */
  async use<Result>(disk: DiskIndex, act: (name: string, fence: Fence) => Promise<Result>): Promise<Result> {
    for (;;) {
      const held = this.#fences;
      const fence = held.get(disk);
      if (!fence) throw new RangeError(`no fence of disk ${disk}`);
      try {
        return await act(replicaName(this.#replica.machine, disk), fence);
      } catch (error) {
        if (!hasCode(error, "FenceLost")) throw error;
        if (this.#fences === held) await this.#retakeOnce(error);
      }
    }
  }

  async release(): Promise<void> {
    for (const [disk, fence] of this.#fences)
      await this.#pages.releaseFence(replicaName(this.#replica.machine, disk), fence);
  }

  /** Of several writes that meet a lost fence at once one takes them again for all. */
  #retakeOnce(error: unknown): Promise<void> {
    this.#retaking ??= this.#retake(error).finally(() => (this.#retaking = undefined));
    return this.#retaking;
  }

  async #retake(error: unknown): Promise<void> {
    if (!this.#reservation || ++this.#retaken > MOST_RETAKEN) throw error;
    // Who is not the owner any more does not take them from whoever is.
    await this.#confirm();
    const fences = await takeAll(this.#pages, this.#replica);
    await this.#confirm();
    this.#fences = fences;
  }

  async #confirm(): Promise<void> {
    try {
      await this.#reservation?.confirm();
    } catch (error) {
      if (!hasCode(error, "ObjectChanged")) throw error;
      throw new LeewardError(
        "FenceLost",
        `another run has reserved the replica of ${this.#replica.machine}`,
        error,
      );
    }
  }
}

async function takeAll(
  pages: PageStore,
  { machine, disks }: Replica,
): Promise<ReadonlyMap<DiskIndex, Fence>> {
  const fences = new Map<DiskIndex, Fence>();
  for (const { index } of disks) fences.set(index, await pages.takeFence(replicaName(machine, index)));
  return fences;
}
