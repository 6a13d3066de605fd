import { type Digest, digestOf } from "../core/digest.ts";
import { type MachineId, machineId } from "../core/ids.ts";
import {
  type Bytes,
  type Generation,
  MIB,
  type Micros,
  type Ordinal,
  type Sequence,
  bytes,
  generation,
  micros,
  ordinal,
  sequence,
} from "../core/units.ts";
import { ENTRY_BYTES } from "./entry.ts";
import { getBytes, getNumber, putBytes, putNumber, sizeOf } from "./field.ts";

export const VERSION = 5;
/** Version 1 says no more of the marks in a segment than that there are some. */
const COARSE_VERSION = 1;
/** Up to version 2 a copy is not told from a write of the guest. */
const BLIND_VERSION = 2;
/** Up to version 3 only its record tells it, and not the header. */
const UNCOUNTED_VERSION = 3;
/** Up to version 4 a change is one segment at most, and a barrier says nothing of how far its disks are apart. */
const SINGLE_VERSION = 4;
export const VERSIONS: readonly number[] = [
  COARSE_VERSION,
  BLIND_VERSION,
  UNCOUNTED_VERSION,
  SINGLE_VERSION,
  VERSION,
];
export const MAGIC = Buffer.from("LEEWSEG\n", "latin1");

/** Bound on what a reader allocates on a header's word. Writers seal far below. */
export const MAX_BODY = bytes(64 * MIB);

/** The clear part of a segment. */
export const HEADER = {
  magic: { at: 0, size: 8 },
  version: { at: 8, size: 2 },
  flags: { at: 10, size: 2 },
  headerLength: { at: 12, size: 4 },
  machine: { at: 16, size: 64 },
  generation: { at: 80, size: 4 },
  records: { at: 84, size: 4 },
  ordinal: { at: 88, size: 8 },
  from: { at: 96, size: 8 },
  to: { at: 104, size: 8 },
  firstTime: { at: 112, size: 8 },
  lastTime: { at: 120, size: 8 },
  previous: { at: 128, size: 32 },
  dataBytes: { at: 160, size: 4 },
  copiedBytes: { at: 164, size: 4 },
  bodyLength: { at: 168, size: 4 },
  storedLength: { at: 172, size: 4 },
  nonce: { at: 176, size: 12 },
  copiedWrites: { at: 188, size: 4 },
} as const;
export const HEADER_BYTES = sizeOf(HEADER);

export const FLAGS = {
  compressed: 1,
  marks: 2,
  barriers: 4,
  proofs: 8,
  indivisible: 16,
  continues: 32,
} as const;

export interface SegmentHeader {
  readonly version: number;
  readonly machine: MachineId;
  readonly generation: Generation;
  readonly ordinal: Ordinal;
  /** Digest of the segment before; at the beginning of a generation that of its base, or NO_DIGEST. */
  readonly previous: Digest;
  /** The last write before this segment. */
  readonly from: Sequence;
  /** The last write in it; equal to `from` when it holds none. */
  readonly to: Sequence;
  /** Time of the first write in it; 0 when it holds none. */
  readonly firstTime: Micros;
  /** Time of the last write in it; 0 when it holds none. The clock may have stepped back in between. */
  readonly lastTime: Micros;
  /** Bytes in its data records, uncompressed. */
  readonly dataBytes: Bytes;
  /** Those of them that a comparison copied, and how many of its writes are copies; 0 up to version 3. */
  readonly copiedBytes: Bytes;
  readonly copiedWrites: number;
  /** Number of records of all kinds. */
  readonly records: number;
  /** Whether it holds a barrier, digests or a proof, so that others need not be opened to look for one. */
  readonly marks: boolean;
  /** Whether it holds a barrier; of version 1, whether it may. */
  readonly barriers: boolean;
  /** Whether it holds a proof; of version 1, whether it may. */
  readonly proofs: boolean;
  /** Whether its writes are one change: of the states between them none ever was. Never so in version 1. */
  readonly indivisible: boolean;
  /** Whether the change goes on in the next segment: no state lies at its end either. Never so up to version 4. */
  readonly continues: boolean;
  readonly compressed: boolean;
  /** Index and payloads before compression. */
  readonly bodyLength: Bytes;
  /** The body as it lies in the object. */
  readonly storedLength: Bytes;
  /** Of the cipher; random, never used twice under one key. */
  readonly nonce: Buffer;
}

export function writeHeader(to: Buffer, header: SegmentHeader): void {
  to.fill(0, 0, HEADER_BYTES);
  putBytes(to, 0, HEADER.magic, MAGIC);
  putNumber(to, 0, HEADER.version, header.version);
  putNumber(to, 0, HEADER.flags, flagsOf(header));
  putNumber(to, 0, HEADER.headerLength, HEADER_BYTES);
  to.write(header.machine, HEADER.machine.at, HEADER.machine.size, "latin1");
  putNumber(to, 0, HEADER.generation, header.generation);
  putNumber(to, 0, HEADER.records, header.records);
  putNumber(to, 0, HEADER.ordinal, header.ordinal);
  putNumber(to, 0, HEADER.from, header.from);
  putNumber(to, 0, HEADER.to, header.to);
  putNumber(to, 0, HEADER.firstTime, header.firstTime);
  putNumber(to, 0, HEADER.lastTime, header.lastTime);
  putBytes(to, 0, HEADER.previous, Buffer.from(header.previous, "hex"));
  putNumber(to, 0, HEADER.dataBytes, header.dataBytes);
  putNumber(to, 0, HEADER.copiedBytes, header.copiedBytes);
  putNumber(to, 0, HEADER.copiedWrites, header.copiedWrites);
  putNumber(to, 0, HEADER.bodyLength, header.bodyLength);
  putNumber(to, 0, HEADER.storedLength, header.storedLength);
  putBytes(to, 0, HEADER.nonce, header.nonce);
}

const flagsOf = (header: SegmentHeader): number =>
  (header.compressed ? FLAGS.compressed : 0) |
  (header.marks ? FLAGS.marks : 0) |
  (header.barriers ? FLAGS.barriers : 0) |
  (header.proofs ? FLAGS.proofs : 0) |
  (header.indivisible ? FLAGS.indivisible : 0) |
  (header.continues ? FLAGS.continues : 0);

/** What a header of this version may say; all of it in a header of this version is exact. */
const knownFlags = (version: number): number =>
  FLAGS.compressed |
  FLAGS.marks |
  (version === COARSE_VERSION ? 0 : FLAGS.barriers | FLAGS.proofs | FLAGS.indivisible) |
  (version > SINGLE_VERSION ? FLAGS.continues : 0);

/** Whether its records say what the guest wrote and what a comparison copied. */
export const tellsCopies = ({ version }: Pick<SegmentHeader, "version">): boolean => version > BLIND_VERSION;

/** Whether the header counts them. */
export const countsCopies = ({ version }: Pick<SegmentHeader, "version">): boolean =>
  version > UNCOUNTED_VERSION;

/** Whether a barrier may say how far its disks are apart. */
export const tellsSpread = ({ version }: Pick<SegmentHeader, "version">): boolean => version > SINGLE_VERSION;

/** What the header counts. */
export const copiesIn = ({
  copiedWrites,
  copiedBytes,
}: Pick<SegmentHeader, "copiedWrites" | "copiedBytes">) => ({
  writes: copiedWrites,
  bytes: copiedBytes,
});

/** Whether `barriers` and `proofs` are exact. */
export const isExact = ({ version }: Pick<SegmentHeader, "version">): boolean => version !== COARSE_VERSION;

/**
 * Reads what `writeHeader` wrote, at the beginning of `from`. Magic, version and length were looked at before.
 * @throws RangeError naming the first field that cannot be true.
 */
export function readHeader(from: Buffer): SegmentHeader {
  const number = (field: keyof typeof HEADER) => getNumber(from, 0, HEADER[field]);
  const flags = number("flags");
  const version = number("version");
  must((flags & ~knownFlags(version)) === 0, `flags ${flags}`);
  const counted = number("copiedBytes") + number("copiedWrites") > 0;
  must(!counted || countsCopies({ version }), "reserved bytes in use");
  const header: SegmentHeader = {
    version,
    machine: readMachine(getBytes(from, 0, HEADER.machine)),
    generation: generation(number("generation")),
    ordinal: ordinal(number("ordinal")),
    previous: digestOf(getBytes(from, 0, HEADER.previous).toString("hex")),
    from: sequence(number("from")),
    to: sequence(number("to")),
    firstTime: micros(number("firstTime")),
    lastTime: micros(number("lastTime")),
    dataBytes: bytes(number("dataBytes")),
    copiedBytes: bytes(number("copiedBytes")),
    copiedWrites: number("copiedWrites"),
    records: number("records"),
    marks: (flags & FLAGS.marks) !== 0,
    barriers: (flags & (version === COARSE_VERSION ? FLAGS.marks : FLAGS.barriers)) !== 0,
    proofs: (flags & (version === COARSE_VERSION ? FLAGS.marks : FLAGS.proofs)) !== 0,
    indivisible: (flags & FLAGS.indivisible) !== 0,
    continues: (flags & FLAGS.continues) !== 0,
    compressed: (flags & FLAGS.compressed) !== 0,
    bodyLength: bytes(number("bodyLength")),
    storedLength: bytes(number("storedLength")),
    nonce: getBytes(from, 0, HEADER.nonce),
  };
  checkSizes(header);
  return header;
}

export function readMachine(field: Buffer): MachineId {
  const end = field.indexOf(0);
  must(end > 0 && field.subarray(end).every((byte) => byte === 0), "machine id without an end");
  return machineId(field.toString("latin1", 0, end));
}

function checkSizes(header: SegmentHeader): void {
  const { from, to, records, bodyLength, storedLength, dataBytes, compressed } = header;
  const { copiedBytes, copiedWrites, indivisible, continues, marks } = header;
  must(!continues || (indivisible && !marks), "a change that goes on, and is none or holds marks");
  must(to >= from && to - from <= records, `writes ${from} to ${to} in ${records} records`);
  must(bodyLength <= MAX_BODY, `a body of ${bodyLength} bytes`);
  must(records * ENTRY_BYTES <= bodyLength, `${records} records in a body of ${bodyLength} bytes`);
  must(dataBytes <= bodyLength, `${dataBytes} bytes of data in a body of ${bodyLength}`);
  must(copiedBytes <= dataBytes, `${copiedBytes} copied bytes of ${dataBytes}`);
  must(copiedWrites <= to - from, `${copiedWrites} copies among writes ${from} to ${to}`);
  must(
    compressed ? storedLength < bodyLength : storedLength === bodyLength,
    `a body of ${bodyLength} bytes stored in ${storedLength}`,
  );
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new RangeError(`impossible header: ${what}`);
}
