import { giveBack, lend } from "../core/lent.ts";
import { type Bytes, type DiskIndex, KIB, MIB, bytes } from "../core/units.ts";

/** A range of one disk and what it holds. */
export interface Run {
  readonly disk: DiskIndex;
  readonly offset: Bytes;
  readonly length: Bytes;
  /** `length` bytes; undefined when all of them are zero. */
  readonly data: Uint8Array | undefined;
  /** Says that nobody looks at the data any more, so that its memory can be used again. */
  readonly release?: () => void;
}

const MOST = 4 * MIB;
/** Shorter zeros beside data are written as data: one call more costs more than these bytes. */
export const WORTH_A_CALL = 64 * KIB;

/**
 * Joins pieces that do not overlap into ascending runs: data of at most 4 MiB each, zeros of any length. Data that is
 * all zero counts as zeros. Sorts `pieces` in place.
 */
export function* runsOf(pieces: Run[]): Generator<Run> {
  pieces.sort((a, b) => a.disk - b.disk || a.offset - b.offset);
  const stretches = joined(pieces.map(stretchOf));
  const plain = stretches.map((stretch, i) =>
    stretch.zero && isBesideData(stretch, stretches[i - 1], stretches[i + 1])
      ? { ...stretch, zero: false }
      : stretch,
  );
  for (const stretch of joined(plain)) {
    if (stretch.zero) yield zeroRun(stretch);
    else yield* dataRuns(stretch);
  }
}

/** Pieces without a gap between them that become runs of one kind. */
interface Stretch {
  readonly disk: DiskIndex;
  readonly start: number;
  readonly end: number;
  readonly zero: boolean;
  readonly pieces: readonly Run[];
}

const stretchOf = (piece: Run): Stretch => ({
  disk: piece.disk,
  start: piece.offset,
  end: piece.offset + piece.length,
  zero: piece.data === undefined || isZero(piece.data),
  pieces: [piece],
});

const touches = (a: Stretch, b: Stretch): boolean => a.disk === b.disk && a.end === b.start;

function joined(stretches: readonly Stretch[]): Stretch[] {
  const found: Stretch[] = [];
  let group: Stretch[] = [];
  const close = () => {
    const [first] = group;
    const last = group.at(-1);
    if (first && last) found.push({ ...first, end: last.end, pieces: group.flatMap(({ pieces }) => pieces) });
    group = [];
  };
  for (const stretch of stretches) {
    const last = group.at(-1);
    if (last && (last.zero !== stretch.zero || !touches(last, stretch))) close();
    group.push(stretch);
  }
  close();
  return found;
}

const isBesideData = (zero: Stretch, before: Stretch | undefined, behind: Stretch | undefined): boolean =>
  zero.end - zero.start < WORTH_A_CALL &&
  ((before !== undefined && !before.zero && touches(before, zero)) ||
    (behind !== undefined && !behind.zero && touches(zero, behind)));

const zeroRun = ({ disk, start, end }: Stretch): Run => ({
  disk,
  offset: bytes(start),
  length: bytes(end - start),
  data: undefined,
});

function* dataRuns({ disk, start, end, pieces }: Stretch): Generator<Run> {
  let index = 0;
  for (let at = start; at < end; at += MOST) {
    const until = Math.min(end, at + MOST);
    const parts: Uint8Array[] = [];
    for (let piece = pieces[index]; piece && piece.offset < until; piece = pieces[++index]) {
      parts.push(partOf(piece, at, until));
      if (piece.offset + piece.length > until) break;
    }
    yield { disk, offset: bytes(at), length: bytes(until - at), ...oneOf(parts) };
  }
}

/** A view where the parts already lie one behind the other: so do writes in order, in the body of their segment. */
function oneOf(parts: readonly Uint8Array[]): Pick<Run, "data" | "release"> {
  const [first] = parts;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (first && parts.every((part, i) => i === 0 || isBehind(part, parts[i - 1])))
    return { data: new Uint8Array(first.buffer, first.byteOffset, length) };
  const data = lend(length);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { data, release: () => giveBack(data) };
}

const isBehind = (part: Uint8Array, before: Uint8Array | undefined): boolean =>
  before?.buffer === part.buffer && before.byteOffset + before.length === part.byteOffset;

function partOf(piece: Run, from: number, until: number): Uint8Array {
  const start = Math.max(from, piece.offset) - piece.offset;
  const end = Math.min(until, piece.offset + piece.length) - piece.offset;
  return piece.data?.subarray(start, end) ?? new Uint8Array(end - start);
}

const ZEROS = Buffer.alloc(256 * KIB);

/** Looks at both ends first: data is rarely zero there. */
export function isZero(data: Uint8Array): boolean {
  if (data[0] !== 0 || data.at(-1) !== 0) return data.length === 0;
  for (let at = 0; at < data.length; at += ZEROS.length) {
    const part = data.subarray(at, at + ZEROS.length);
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
