import { encodeExtents } from "../journal/extents-text.ts";
import type { Verification } from "../journal/verification-document.ts";
import { DIGEST_BYTES } from "../core/digest.ts";
import { ExtentSet } from "../core/extent.ts";
import { inParallel } from "../core/in-order.ts";
import type { BarrierId } from "../core/ids.ts";
import type { DiskIndex } from "../core/units.ts";
import { decodeExtents } from "../journal/extents-text.ts";
import { gatheredName } from "../journal/names.ts";
import { type BlockSpace, type Sheet, piecesOf, zerosOf } from "./block-space.ts";
import type { SortedDigests } from "./digest-chunk.ts";
import { PART, type PartsPlace, at, differingAt, putPart, readPart } from "./digest-parts.ts";
import type { RunsPlace } from "./digest-runs.ts";
import type { DigestSink } from "./digest-sheets.ts";
import { KeptLost, asKeptLost } from "./kept-lost.ts";
import { rereading } from "./reread.ts";

/** What the source said of its blocks at a point's barrier. */
export interface KnownDigests {
  /** Addresses of those whose digest is another one. @throws KeptLost; storage errors */
  differing(found: SortedDigests): Promise<number[]>;
}

/** They lie in memory. */
export class HeldDigests implements KnownDigests {
  readonly #digests: SortedDigests;
  readonly #space: BlockSpace;

  constructor(digests: SortedDigests, space: BlockSpace) {
    this.#digests = digests;
    this.#space = space;
  }

  async differing(found: SortedDigests): Promise<number[]> {
    const wrong: number[] = [];
    for (let n = 0; n < found.count; n++) {
      const address = found.addressOf(n);
      const wanted = this.#digests.find(address) ?? this.#zeros(address);
      if (Buffer.compare(wanted, found.digestOf(n)) !== 0) wrong.push(address);
    }
    return wrong;
  }

  /** No barrier has named what was never written. */
  #zeros(address: number): Uint8Array {
    const { disk, block } = this.#space.placeOf(address);
    return zerosOf({ disk, first: block, end: block + 1 });
  }
}

export type KeptDigests = NonNullable<Verification["digests"]>;
type StoredParts = KeptDigests["parts"];

/** Where digests lie that memory does not hold: parts of disks, but for those that name nothing. */
interface DigestsPlace extends RunsPlace {
  readonly build: BarrierId;
}

const partsPlace = ({ scratch: store, key, point }: DigestsPlace): PartsPlace => {
  const { machine, generation, position, id: barrier } = point;
  return { store, key, machine, generation, previous: position.chain, barrier };
};

const nameIn = ({ point, use, build }: DigestsPlace, disk: DiskIndex, part: number): string =>
  gatheredName(point.machine, use, build, disk, part);

/** At once, of 2.3 MB each. */
const PUTS = 4;

/** Puts digests where `StoredDigests` finds them. */
export class DigestsWriter implements DigestSink {
  readonly #place: DigestsPlace;
  readonly #parts: Map<DiskIndex, ExtentSet>;

  /** @param known parts that there are already */
  constructor(place: DigestsPlace, known: StoredParts = []) {
    this.#place = place;
    this.#parts = extentsOf(known);
  }

  get parts(): StoredParts {
    return [...this.#parts].map(([disk, parts]) => ({ disk, extents: encodeExtents(parts) }));
  }

  async put(sheet: Sheet, digests: Uint8Array): Promise<void> {
    const zeros = zerosOf(sheet);
    const { index: disk } = sheet.disk;
    await inParallel(piecesOf(sheet, PART), PUTS, async ({ first, end }) => {
      const [start, stop] = [(first - sheet.first) * DIGEST_BYTES, (end - sheet.first) * DIGEST_BYTES];
      const some = digests.subarray(start, stop);
      const named = differingAt(some, zeros.subarray(start, stop));
      if (named.length === 0) return;
      const part = first / PART;
      await putPart(
        partsPlace(this.#place),
        { name: nameIn(this.#place, disk, part), disk, part },
        some,
        named,
      );
      const parts = this.#parts.get(disk) ?? new ExtentSet();
      this.#parts.set(disk, parts);
      parts.add(part, part + 1);
    });
  }
}

/** Digests of the blocks [base, end). */
interface Around {
  readonly base: number;
  readonly end: number;
  readonly digests: Uint8Array;
}

/** They were put in objects, of which one is read at a time. */
export class StoredDigests implements KnownDigests {
  readonly #place: DigestsPlace;
  readonly #parts: ReadonlyMap<DiskIndex, ExtentSet>;

  /** @throws KeptLost when the parts cannot be told */
  constructor(place: DigestsPlace, parts: StoredParts) {
    this.#place = place;
    this.#parts = extentsOf(parts);
  }

  async differing(found: SortedDigests): Promise<number[]> {
    const wrong: number[] = [];
    let known: Around = { base: 0, end: 0, digests: new Uint8Array() };
    for (let n = 0; n < found.count; n++) {
      const address = found.addressOf(n);
      if (address >= known.end) known = await this.#around(address);
      if (Buffer.compare(at(known.digests, address - known.base), found.digestOf(n)) !== 0)
        wrong.push(address);
    }
    return wrong;
  }

  /** The digests of the part that the block lies in. */
  async #around(address: number): Promise<Around> {
    const { disk, block } = this.#place.space.placeOf(address);
    const part = Math.floor(block / PART);
    const first = part * PART;
    const count = this.#place.space.rangeOf(disk.index)?.count ?? 0;
    const end = Math.min(first + PART, count);
    const zeros = zerosOf({ disk, first, end });
    const base = address - (block - first);
    const isThere = this.#parts.get(disk.index)?.intersect(part, part + 1).length === 1;
    const digests = isThere ? await this.#read(disk.index, part, zeros) : zeros;
    return { base, end: base + end - first, digests };
  }

  async #read(disk: DiskIndex, part: number, zeros: Uint8Array): Promise<Uint8Array> {
    const name = nameIn(this.#place, disk, part);
    try {
      return await rereading(() => readPart(partsPlace(this.#place), { name, disk, part }, zeros));
    } catch (error) {
      throw asKeptLost(error);
    }
  }
}

function extentsOf(parts: StoredParts): Map<DiskIndex, ExtentSet> {
  try {
    return new Map(parts.map(({ disk, extents }) => [disk, ExtentSet.of(decodeExtents(extents))]));
  } catch (error) {
    throw new KeptLost("the parts of digests that are kept cannot be told", error);
  }
}
