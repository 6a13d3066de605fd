import { type Digest, digestOf } from "../core/digest.ts";
import { type BarrierId, type MachineId, barrierId } from "../core/ids.ts";
import {
  type Bytes,
  type Generation,
  type Ordinal,
  type Sequence,
  bytes,
  generation,
  ordinal,
  sequence,
} from "../core/units.ts";
import { ENTRY_BYTES } from "./entry.ts";
import { getBytes, getNumber, putBytes, putNumber, sizeOf } from "./field.ts";
import { MAX_BODY, readMachine } from "./header.ts";
import { getId, putId } from "./payload.ts";

export const LAYER_VERSION = 1;
export const LAYER_MAGIC = Buffer.from("LEEWLAY\n", "latin1");

/** The clear beginning of one part of a layer. */
export const LAYER_HEADER = {
  magic: { at: 0, size: 8 },
  version: { at: 8, size: 2 },
  flags: { at: 10, size: 2 },
  headerLength: { at: 12, size: 4 },
  machine: { at: 16, size: 64 },
  generation: { at: 80, size: 4 },
  records: { at: 84, size: 4 },
  build: { at: 88, size: 16 },
  begin: { at: 104, size: 16 },
  end: { at: 120, size: 16 },
  first: { at: 136, size: 8 },
  next: { at: 144, size: 8 },
  from: { at: 152, size: 8 },
  to: { at: 160, size: 8 },
  previous: { at: 168, size: 32 },
  chain: { at: 200, size: 32 },
  dataBytes: { at: 232, size: 8 },
  part: { at: 240, size: 4 },
  bodyLength: { at: 244, size: 4 },
  storedLength: { at: 248, size: 4 },
  nonce: { at: 252, size: 12 },
  reserved: { at: 264, size: 4 },
} as const;
export const LAYER_HEADER_BYTES = sizeOf(LAYER_HEADER);

export const LAYER_FLAGS = { compressed: 1, marks: 2, last: 4 } as const;

/** What all parts of a layer say alike. */
export interface LayerSpan {
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Names this run of a compactor; parts of two runs never go together. */
  readonly build: BarrierId;
  /** The point behind which the layer begins; NO_POINT for the beginning of the generation. */
  readonly begin: BarrierId;
  /** The point that the layer brings its disks to, exactly. */
  readonly end: BarrierId;
  /** Segments [first, next): from the position of `begin` to that of `end`. */
  readonly first: Ordinal;
  readonly next: Ordinal;
  /** Writes (from, to]: behind the barrier of `begin`, up to that of `end`. */
  readonly from: Sequence;
  readonly to: Sequence;
  /** Digest of the segment before `first`. */
  readonly previous: Digest;
  /** Digest of the segment before `next`. */
  readonly chain: Digest;
}

export interface LayerHeader extends LayerSpan {
  readonly version: number;
  /** From 0. */
  readonly part: number;
  /** No part comes after it. */
  readonly last: boolean;
  /** Whether it holds digests, barrier or proof. */
  readonly marks: boolean;
  readonly records: number;
  readonly dataBytes: Bytes;
  readonly compressed: boolean;
  readonly bodyLength: Bytes;
  readonly storedLength: Bytes;
  readonly nonce: Buffer;
}

/** Stands for the beginning of a generation where a point is named. */
export const NO_POINT = barrierId("00000000-0000-0000-0000-000000000000");

export function writeLayerHeader(to: Buffer, header: LayerHeader): void {
  to.fill(0, 0, LAYER_HEADER_BYTES);
  putBytes(to, 0, LAYER_HEADER.magic, LAYER_MAGIC);
  putNumber(to, 0, LAYER_HEADER.flags, flagsOf(header));
  putNumber(to, 0, LAYER_HEADER.headerLength, LAYER_HEADER_BYTES);
  to.write(header.machine, LAYER_HEADER.machine.at, LAYER_HEADER.machine.size, "latin1");
  for (const field of NUMBERS) putNumber(to, 0, LAYER_HEADER[field], header[field]);
  for (const field of ["build", "begin", "end"] as const) putId(to, LAYER_HEADER[field], header[field]);
  for (const field of ["previous", "chain"] as const)
    putBytes(to, 0, LAYER_HEADER[field], Buffer.from(header[field], "hex"));
  putBytes(to, 0, LAYER_HEADER.nonce, header.nonce);
}

const NUMBERS = [
  "version",
  "generation",
  "records",
  "first",
  "next",
  "from",
  "to",
  "dataBytes",
  "part",
  "bodyLength",
  "storedLength",
] as const;

const flagsOf = ({ compressed, marks, last }: LayerHeader): number =>
  (compressed ? LAYER_FLAGS.compressed : 0) | (marks ? LAYER_FLAGS.marks : 0) | (last ? LAYER_FLAGS.last : 0);

/**
 * Reads what `writeLayerHeader` wrote. Magic, version and length were looked at before.
 * @throws RangeError naming the first field that cannot be true.
 */
export function readLayerHeader(from: Buffer): LayerHeader {
  const number = (field: keyof typeof LAYER_HEADER) => getNumber(from, 0, LAYER_HEADER[field]);
  const digest = (field: "previous" | "chain") =>
    digestOf(getBytes(from, 0, LAYER_HEADER[field]).toString("hex"));
  const flags = number("flags");
  must(flags < 8, `flags ${flags}`);
  must(number("reserved") === 0, "reserved bytes in use");
  const header: LayerHeader = {
    version: number("version"),
    machine: readMachine(getBytes(from, 0, LAYER_HEADER.machine)),
    generation: generation(number("generation")),
    build: getId(from, LAYER_HEADER.build),
    begin: getId(from, LAYER_HEADER.begin),
    end: getId(from, LAYER_HEADER.end),
    first: ordinal(number("first")),
    next: ordinal(number("next")),
    from: sequence(number("from")),
    to: sequence(number("to")),
    previous: digest("previous"),
    chain: digest("chain"),
    part: number("part"),
    last: (flags & LAYER_FLAGS.last) !== 0,
    marks: (flags & LAYER_FLAGS.marks) !== 0,
    records: number("records"),
    dataBytes: bytes(number("dataBytes")),
    compressed: (flags & LAYER_FLAGS.compressed) !== 0,
    bodyLength: bytes(number("bodyLength")),
    storedLength: bytes(number("storedLength")),
    nonce: getBytes(from, 0, LAYER_HEADER.nonce),
  };
  checkSizes(header);
  return header;
}

function checkSizes(header: LayerHeader): void {
  const { first, next, from, to, records, bodyLength, storedLength, dataBytes, compressed } = header;
  must(first <= next, `segments ${first} to ${next}`);
  must(from <= to, `writes ${from} to ${to}`);
  must(bodyLength <= MAX_BODY, `a body of ${bodyLength} bytes`);
  must(records * ENTRY_BYTES + dataBytes <= bodyLength, `${records} records, ${dataBytes} bytes of data`);
  must(
    compressed ? storedLength < bodyLength : storedLength === bodyLength,
    `a body of ${bodyLength} bytes stored in ${storedLength}`,
  );
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new RangeError(`impossible header: ${what}`);
}
