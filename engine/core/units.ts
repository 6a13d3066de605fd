declare const unit: unique symbol;
/** A number that says what it counts. The only way in is a function that checks. */
type Unit<Kind extends string> = number & { readonly [unit]: Kind };

/** A size or an offset. */
export type Bytes = Unit<"bytes">;
/** A duration. */
export type Millis = Unit<"millis">;
/** Wall-clock time, microseconds since 1970 UTC; safe as a number until the year 2255. */
export type Micros = Unit<"micros">;
/** Position of a write in its machine's one order over all disks. The first write is 1; 0 means none yet. */
export type Sequence = Unit<"sequence">;
/** Position of a segment in its generation, from 0, without gaps. */
export type Ordinal = Unit<"ordinal">;
/** A run of the journal without a break, from 1. It only grows. */
export type Generation = Unit<"generation">;
/** Which disk of its machine, 0..63, in the order of enablement; the OS disk is 0. */
export type DiskIndex = Unit<"disk">;

function whole(what: string, least: number, most: number) {
  return (n: number): number => {
    if (!Number.isSafeInteger(n) || n < least || n > most) throw new RangeError(`not ${what}: ${n}`);
    return n;
  };
}

const checkBytes = whole("a number of bytes", 0, Number.MAX_SAFE_INTEGER);
const checkMillis = whole("a number of milliseconds", 0, Number.MAX_SAFE_INTEGER);
const checkMicros = whole("a time in microseconds", 0, Number.MAX_SAFE_INTEGER);
const checkSequence = whole("a sequence number", 0, Number.MAX_SAFE_INTEGER);
const checkOrdinal = whole("a segment ordinal", 0, 999_999_999_999);
const checkGeneration = whole("a generation", 1, 999_999);
/** Of one machine, its OS disk among them. */
export const MOST_DISKS = 64;
const checkDisk = whole("a disk index", 0, MOST_DISKS - 1);

export const bytes = (n: number): Bytes => checkBytes(n) as Bytes;
export const millis = (n: number): Millis => checkMillis(n) as Millis;
export const micros = (n: number): Micros => checkMicros(n) as Micros;
export const sequence = (n: number): Sequence => checkSequence(n) as Sequence;
export const ordinal = (n: number): Ordinal => checkOrdinal(n) as Ordinal;
export const generation = (n: number): Generation => checkGeneration(n) as Generation;
export const diskIndex = (n: number): DiskIndex => checkDisk(n) as DiskIndex;

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** The smallest addressable unit of every disk here. */
export const SECTOR = 512;
/** The unit of digests: SHA-256 is taken of each 64 KiB of a disk; the last block of a disk may be shorter. */
export const BLOCK = 64 * KIB;
