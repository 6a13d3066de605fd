import { LeewardError, hasCode } from "../core/errors.ts";
import type { MachineId } from "../core/ids.ts";
import { mapInOrder } from "../core/in-order.ts";
import { type Bytes, type Ordinal, bytes, ordinal } from "../core/units.ts";
import { follow } from "../journal/chain.ts";
import { segmentName } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { fetchPack } from "./pack.ts";

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
  /** True when a shipped segment holds barriers, digests or proofs: time to `cut`. */
  readonly marks: boolean;
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
    if (!(error instanceof LeewardError) || run.segments === 0) throw error;
    run.problem = error;
  }
  return run.result();
}

/** A run of whole segments, ready to be one object of the target. */
interface Pack {
  readonly start: JournalPosition;
  readonly segments: CheckedSegment[];
  end: JournalPosition;
  bytes: number;
}

class ShipRun {
  readonly #s: ShipRequest;
  #position: JournalPosition;
  segments = 0;
  #objects = 0;
  #bytes = 0;
  #marks = false;
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
      marks: this.#marks,
      hole: this.#hole,
      problem: this.problem,
    };
  }

  /** Ships up to the hole, or up to an object of someone else's that ends elsewhere than ours; true when to go on. */
  async round(): Promise<boolean> {
    const { target, limits } = this.#s;
    this.#hole = undefined;
    let moved = false;
    for await (const { pack, placed } of mapInOrder(this.#packs(), limits.parallel, (p) => this.#place(p))) {
      this.#arrive(placed);
      moved = true;
      // What is in flight behind it has names that the journal will not use; harmless, as every object is whole.
      if (placed.end.next !== pack.end.next) return true;
    }
    if (moved || this.#bytes >= limits.maxBytes) return false;
    // The cache lacks it, perhaps because it was shipped and released by a run whose position was lost.
    const adopted = await adopt(target, this.#s.machine, this.#position);
    if (adopted) this.#arrive(adopted);
    return adopted !== undefined && this.#bytes < limits.maxBytes;
  }

  #arrive(pack: Pack): void {
    this.#position = pack.end;
    this.segments += pack.segments.length;
    this.#objects++;
    this.#bytes += pack.bytes;
    this.#marks ||= pack.segments.some((segment) => segment.header.marks);
    this.#s.onProgress?.(this.result());
  }

  async *#packs(): AsyncGenerator<Pack> {
    const { objectBytes } = this.#s.limits;
    let pack: Pack | undefined;
    for await (const { segment, before, after } of this.#cached()) {
      const size = segment.bytes.length;
      if (pack && pack.bytes + size > objectBytes) {
        yield pack;
        pack = undefined;
      }
      pack ??= { start: before, segments: [], end: before, bytes: 0 };
      pack.segments.push(segment);
      pack.end = after;
      pack.bytes += size;
    }
    if (pack) yield pack;
  }

  async *#cached(): AsyncGenerator<{
    segment: CheckedSegment;
    before: JournalPosition;
    after: JournalPosition;
  }> {
    const { cache, machine, limits } = this.#s;
    const { generation } = this.#position;
    let before = this.#position;
    let taken = this.#bytes;
    const objects = mapInOrder(ordinalsFrom(before.next), limits.parallel, (first) =>
      fetchPack(cache, { machine, generation, first }),
    );
    for await (const segments of objects) {
      if (!segments) {
        this.#hole = before.next;
        return;
      }
      for (const segment of segments) {
        const after = follow(machine, before, segment);
        yield { segment, before, after };
        before = after;
        taken += segment.bytes.length;
      }
      if (taken >= limits.maxBytes) return;
    }
  }

  async #place(pack: Pack): Promise<{ pack: Pack; placed: Pack }> {
    const { target, machine } = this.#s;
    const name = segmentName(machine, pack.start.generation, pack.start.next);
    try {
      await target.put(name, join(pack.segments), "absent");
      return { pack, placed: pack };
    } catch (error) {
      if (!hasCode(error, "ObjectExists")) throw error;
      const placed = await adopt(target, machine, pack.start);
      // Deleted between the two calls: only a clean-up of the whole machine does that.
      if (!placed) throw error;
      checkSame(name, pack, placed);
      return { pack, placed };
    }
  }
}

function* ordinalsFrom(first: Ordinal): Generator<Ordinal> {
  for (let n: number = first; ; n++) yield ordinal(n);
}

const join = (segments: readonly CheckedSegment[]): Buffer =>
  segments.length === 1 && segments[0]
    ? segments[0].bytes
    : Buffer.concat(segments.map((segment) => segment.bytes));

/** The target's object that begins at the position, checked to follow it; undefined when there is none. */
async function adopt(
  target: ObjectStore,
  machine: MachineId,
  start: JournalPosition,
): Promise<Pack | undefined> {
  const segments = await fetchPack(target, { machine, generation: start.generation, first: start.next });
  if (!segments) return undefined;
  const size = segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
  return { start, segments, end: followAll(machine, start, segments), bytes: size };
}

const followAll = (machine: MachineId, start: JournalPosition, segments: readonly CheckedSegment[]) =>
  segments.reduce((position, segment) => follow(machine, position, segment), start);

function checkSame(name: string, ours: Pack, theirs: Pack): void {
  for (const [index, segment] of theirs.segments.entries()) {
    const own = ours.segments[index];
    if (own && own.digest !== segment.digest)
      throw new LeewardError(
        "ChainBroken",
        `the target's ${name} holds segment ${segment.header.ordinal} as ${segment.digest}, the cache as ${own.digest}`,
      );
  }
}
