import type { Digest } from "../../engine/core/digest.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { type Generation, type Sequence, bytes } from "../../engine/core/units.ts";
import type { GuestWrites } from "../../engine/recovery/guest-writes.ts";
import type { CheckedSegment } from "../../engine/journal/segment.ts";

/** Something that must never be. */
export class Violation extends Error {}

export interface Moment {
  readonly generation: Generation;
  readonly sequence: Sequence;
  /** Byte for byte, by index. */
  readonly disks: readonly Buffer[];
}

/** A change as the guest made it. */
export interface Change {
  readonly sequence: Sequence;
  readonly disk: number;
  readonly offset: number;
  readonly data: Buffer;
  /** Bytes of data that the journal has for it: none for zeros. */
  readonly payload: number;
  /** A comparison made it, and not the guest. */
  readonly copied: boolean;
}

/** A barrier in one generation's journal. */
export interface Barrier {
  readonly generation: Generation;
  readonly id: BarrierId;
}

const keyOf = (generation: Generation, id: BarrierId): string => `${generation}/${id}`;

/** What one machine really did: the reference that everything else is compared with. */
export class Truth {
  /** Generations that the control plane writes, from disks that are there. */
  readonly seeds = new Set<number>();
  /** An agent that was fenced may set a barrier that its successor sets as well, each in its generation. */
  readonly #moments = new Map<string, Moment>();
  readonly #proved = new Set<string>();
  /** What was seen where nothing may be thrown: the product would take it for a failure of its files. */
  fault: Error | undefined;
  readonly #segments = new Map<string, Digest>();
  readonly #changes = new Map<Generation, Change[]>();

  noteBarrier(id: BarrierId, moment: Moment): void {
    this.#moments.set(keyOf(moment.generation, id), moment);
  }

  noteProof(generation: Generation, id: BarrierId): void {
    this.#proved.add(keyOf(generation, id));
  }

  /** What the disks were at the barrier; undefined while it is not proved. */
  momentOf({ generation, id }: Barrier): Moment | undefined {
    const key = keyOf(generation, id);
    return this.#proved.has(key) ? this.#moments.get(key) : undefined;
  }

  noteSealed({ header, digest }: Pick<CheckedSegment, "header" | "digest">): void {
    const { generation, ordinal } = header;
    const before = this.digestAt(generation, ordinal);
    if (before && before !== digest)
      throw new Violation(
        `8: generation ${generation} has two histories: segment ${ordinal} was sealed twice`,
      );
    this.#segments.set(`${generation}/${ordinal}`, digest);
  }

  /** Of a generation that the control plane writes. A storage that forgot it takes another one of that name. */
  noteSeed(segment: Pick<CheckedSegment, "header" | "digest">, forgotten: boolean): void {
    const { generation, ordinal } = segment.header;
    if (forgotten) this.#segments.set(`${generation}/${ordinal}`, segment.digest);
    else this.noteSealed(segment);
  }

  digestAt(generation: number, ordinal: number): Digest | undefined {
    return this.#segments.get(`${generation}/${ordinal}`);
  }

  /** Noted again it replaces itself. */
  noteChange(generation: Generation, change: Change): void {
    const changes = this.#changes.get(generation);
    if (changes?.at(-1)?.sequence === change.sequence) changes.pop();
    if (changes) changes.push(change);
    else this.#changes.set(generation, [change]);
  }

  /** What the guest itself wrote in a generation behind one write up to another. A number that was given again counts once. */
  guestWrites(generation: Generation, after: Sequence, upTo: Sequence): GuestWrites {
    const made = new Map<Sequence, Change>();
    for (const change of this.#changes.get(generation) ?? [])
      if (change.sequence > after && change.sequence <= upTo) made.set(change.sequence, change);
    const own = [...made.values()].filter(({ copied }) => !copied);
    return { writes: own.length, bytes: bytes(own.reduce((sum, { payload }) => sum + payload, 0)) };
  }

  /** The disks as they were just after the write; undefined before the generation's first barrier. */
  disksAfter(generation: Generation, write: Sequence): readonly Buffer[] | undefined {
    const before = [...this.#moments.values()].findLast(
      (moment) => moment.generation === generation && moment.sequence <= write,
    );
    const copies = before?.disks.map((disk) => Buffer.from(disk));
    for (const { sequence: at, disk, offset, data } of this.#changes.get(generation) ?? [])
      if (before && at > before.sequence && at <= write) copies?.[disk]?.set(data, offset);
    return copies;
  }
}
