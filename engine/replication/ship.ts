import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { mapInOrder } from "../core/in-order.ts";
import { giveBack } from "../core/lent.ts";
import { type Bytes, type Ordinal, bytes, ordinal } from "../core/units.ts";
import { follow } from "../journal/chain.ts";
import type { MarkedSegment } from "../journal/marked-segment.ts";
import { segmentName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { type Cargo, adopt, checkSame } from "./adopt.ts";
import { type Pack, fetchPack } from "./pack.ts";

export interface ShipLimits {
  /** Small segments are packed up to this size; a larger one gets an object of its own. */
  readonly objectBytes: Bytes;
  /** Ends the run once this much (stored bytes) was taken from the cache; the next run goes on. */
  readonly maxBytes: Bytes;
  /** Cache reads and target writes in flight, each; memory is about twice this times `objectBytes`. */
  readonly parallel: number;
}

export interface Shipped {
  /** Everything before it is in the target and was checked. To be persisted by compare-and-swap, before `releaseCache`. */
  readonly position: JournalPosition;
  readonly segments: number;
  /** Target objects written or adopted. */
  readonly objects: number;
  /** As stored, compressed. */
  readonly bytes: Bytes;
  /** Where segments with barriers and proofs went, in order: what `cut` reads. To be persisted with the position. */
  readonly marked: readonly MarkedSegment[];
  /** The segment that neither cache nor target holds; undefined when `maxBytes` ended the run. */
  readonly hole: Ordinal | undefined;
  /** What ended the run early, after something was shipped. The next run meets it first and throws it. */
  readonly problem: LeewardError | undefined;
}

export interface ShipRequest {
  readonly cache: ObjectStore;
  readonly target: ObjectStore;
  readonly machine: MachineId;
  readonly from: JournalPosition;
  readonly limits: ShipLimits;
  /** Called each time the position moves. */
  readonly onProgress?: (soFar: Shipped) => void;
}

/**
 * Carries segments from the cache to the target in order until the first hole.
 *
 * Each segment's digest and its place in the chain are checked here, on the very bytes that are then put in one request
 * whose content the target storage checks on arrival. Where the target already has an object of that name (an earlier
 * run died before its position was kept, or another shipper is at work) that object is read and checked instead, and
 * the run goes on behind it. So any number of shippers may run at once, from any position that one of them returned.
 *
 * Storage calls: one cache GET per segment and one target PUT per object, and at most `parallel` GETs behind the hole.
 * @throws SegmentDamaged, SegmentVersionUnknown, ChainBroken when the first segment is at fault, and storage errors.
 */
export async function ship(s: ShipRequest): Promise<Shipped> {
  const run = new ShipRun(s);
  try {
    while (await run.round());
  } catch (error) {
    if (!(error instanceof LeewardError)) throw error;
    run.problem = error;
  }
  if (run.problem && run.segments === 0) throw run.problem;
  return run.result();
}

interface Followed {
  readonly segment: CheckedSegment;
  readonly before: JournalPosition;
  readonly after: JournalPosition;
  readonly md5: Uint8Array | undefined;
}

class ShipRun {
  readonly #s: ShipRequest;
  #position: JournalPosition;
  segments = 0;
  #objects = 0;
  #bytes = 0;
  readonly #marked: MarkedSegment[] = [];
  #hole: Ordinal | undefined;
  problem: LeewardError | undefined;

  constructor(s: ShipRequest) {
    this.#s = s;
    this.#position = s.from;
  }

  result(): Shipped {
    return {
      position: this.#position,
      segments: this.segments,
      objects: this.#objects,
      bytes: bytes(this.#bytes),
      marked: [...this.#marked],
      hole: this.#hole,
      problem: this.problem,
    };
  }

  /** Ships up to the hole, or up to an object of someone else's that ends elsewhere than ours; true when to go on. */
  async round(): Promise<boolean> {
    const { target, limits } = this.#s;
    this.#hole = undefined;
    this.problem = undefined;
    let moved = false;
    for await (const { pack, placed } of mapInOrder(this.#packs(), limits.parallel, (p) => this.#place(p))) {
      this.#arrive(placed);
      moved = true;
      // What is in flight behind it has names that the journal will not use; harmless, as every object is whole.
      if (placed.end.next !== pack.end.next) return true;
    }
    if (moved || this.#bytes >= limits.maxBytes) return false;
    // The cache lacks it or spoiled it, but a run whose position was lost may have shipped it before.
    const adopted = await adopt(target, this.#s.machine, this.#position);
    if (adopted) this.#arrive(adopted);
    return adopted !== undefined && this.#bytes < limits.maxBytes;
  }

  #arrive(pack: Cargo): void {
    this.#position = pack.end;
    this.segments += pack.segments.length;
    this.#objects++;
    this.#bytes += pack.bytes;
    this.#marked.push(...markedIn(this.#s.machine, pack));
    this.#s.onProgress?.(this.result());
  }

  async *#packs(): AsyncGenerator<Cargo> {
    const { objectBytes } = this.#s.limits;
    let pack: Cargo | undefined;
    for await (const { segment, before, after, md5 } of this.#cached()) {
      const size = segment.bytes.length;
      if (pack && pack.bytes + size > objectBytes) {
        yield pack;
        pack = undefined;
      }
      pack ??= { start: before, segments: [], end: before, bytes: 0, md5: undefined };
      pack.md5 = pack.segments.length === 0 ? md5 : undefined;
      pack.segments.push(segment);
      pack.end = after;
      pack.bytes += size;
    }
    if (pack) yield pack;
  }

  /** Ends at a hole, at the limit, or at a problem: what came before that is shipped first. */
  async *#cached(): AsyncGenerator<Followed> {
    let position = this.#position;
    let taken = this.#bytes;
    try {
      for await (const pack of this.#fetched()) {
        if (!pack) {
          this.#hole = position.next;
          return;
        }
        const md5 = pack.segments.length === 1 ? pack.md5 : undefined;
        for (const segment of pack.segments) {
          const before = position;
          position = follow(this.#s.machine, before, segment);
          taken += segment.bytes.length;
          yield { segment, before, after: position, md5 };
        }
        if (taken >= this.#s.limits.maxBytes) return;
      }
    } catch (error) {
      if (!(error instanceof LeewardError)) throw error;
      this.problem = error;
    }
  }

  #fetched(): AsyncGenerator<Pack | undefined> {
    const { cache, machine, limits } = this.#s;
    const { generation, next } = this.#position;
    return mapInOrder(ordinalsFrom(next), limits.parallel, (first) =>
      fetchPack(cache, { machine, generation, first }),
    );
  }

  async #place(pack: Cargo): Promise<{ pack: Cargo; placed: Cargo }> {
    const { target, machine } = this.#s;
    const name = segmentName(machine, pack.start.generation, pack.start.next);
    try {
      await target.put(name, join(pack.segments), "absent", pack.md5);
      for (const segment of pack.segments) giveBack(segment.bytes);
      return { pack, placed: pack };
    } catch (error) {
      if (!hasCode(error, "ObjectExists")) throw error;
      const placed = await adopt(target, machine, pack.start);
      // A storage that tells what was there before, or a clean-up of the whole machine: the next run sees which.
      if (!placed) throw new LeewardError("ObjectChanged", `${name} exists, and is not there`, error);
      checkSame(name, pack, placed);
      return { pack, placed };
    }
  }
}

function markedIn(machine: MachineId, { start, segments }: Cargo): MarkedSegment[] {
  const found: MarkedSegment[] = [];
  let position = start;
  for (const segment of segments) {
    position = follow(machine, position, segment);
    const { barriers, proofs } = segment.header;
    if (barriers || proofs) found.push({ first: start.next, position, barriers, proofs });
  }
  return found;
}

function* ordinalsFrom(first: Ordinal): Generator<Ordinal> {
  for (let n: number = first; ; n++) yield ordinal(n);
}

const join = (segments: readonly CheckedSegment[]): Buffer =>
  segments.length === 1 && segments[0]
    ? segments[0].bytes
    : Buffer.concat(segments.map((segment) => segment.bytes));
