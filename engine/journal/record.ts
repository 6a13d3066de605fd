import type { Digest } from "../core/digest.ts";
import type { BarrierId } from "../core/ids.ts";
import type { Bytes, DiskIndex, Micros, Millis, Sequence } from "../core/units.ts";

interface Origin {
  /** A comparison put it there: it is what the disk held then, whoever wrote it, and no write of the guest's own. */
  readonly copied?: true;
}

/** Bytes written by the guest, or copied from the disk by a comparison. */
export interface DataRecord extends Origin {
  readonly kind: "data";
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly disk: DiskIndex;
  readonly offset: Bytes;
  readonly data: Uint8Array;
}

/** Trim or write-zeroes, or zeros that a comparison found: the range reads as zero from here on. */
interface ZeroRecord extends Origin {
  readonly kind: "zero";
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly disk: DiskIndex;
  readonly offset: Bytes;
  readonly length: Bytes;
}

export type Consistency = "crash" | "application";

/** All disks are consistent together after the write `sequence` and before the next. Takes no sequence of its own. */
export interface BarrierRecord {
  readonly kind: "barrier";
  readonly id: BarrierId;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly consistency: Consistency;
  /** Its disks were not imaged at one instant, but within so long behind `time`; absent when at one. */
  readonly spread?: Millis | undefined;
}

/**
 * SHA-256 of blocks of one disk as they were at a barrier, computed at the source. Comes any time after its barrier;
 * only blocks dirtied since the barrier before. A block that no barrier of the generation ever named is all zero.
 */
export interface DigestsRecord {
  readonly kind: "digests";
  readonly barrier: BarrierId;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly disk: DiskIndex;
  /** Block numbers, ascending; block n covers bytes [n * 64 KiB, (n + 1) * 64 KiB) of the disk. */
  readonly blocks: Uint32Array;
  /** 32 bytes for each block, in the same order. */
  readonly digests: Uint8Array;
}

export interface DiskRoot {
  readonly disk: DiskIndex;
  readonly size: Bytes;
  readonly root: Digest;
}

/**
 * Closes a barrier: all its digests came before this record. A recovery point can be cut once this has arrived.
 * `roots` are the roots of the digest trees (`digest-tree.ts`), one for each disk of the machine, ascending.
 */
export interface ProofRecord {
  readonly kind: "proof";
  readonly barrier: BarrierId;
  readonly sequence: Sequence;
  readonly time: Micros;
  readonly roots: readonly DiskRoot[];
}

export type WriteRecord = DataRecord | ZeroRecord;
export type JournalRecord = WriteRecord | BarrierRecord | DigestsRecord | ProofRecord;
