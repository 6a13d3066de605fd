import { randomUUID } from "node:crypto";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type BarrierId, barrierId } from "../core/ids.ts";
import { type Generation, bytes } from "../core/units.ts";
import type { Gathering } from "../journal/gathering-document.ts";
import type { DataKey } from "../journal/key.ts";
import { gatheredPrefix } from "../journal/names.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { DigestsRecord } from "../journal/record.ts";
import type { ObjectStore } from "../storage/store.ts";
import { BlockSpace } from "./block-space.ts";
import { type Blocks, blocksFromText, noBlocks, textOfBlocks } from "./blocks.ts";
import { DigestChunk, type SortedDigests } from "./digest-chunk.ts";
import { HeldRun, type RunsPlace, StoredRun, keepRun, mergeRuns } from "./digest-runs.ts";
import { at } from "./digest-parts.ts";
import { type DigestSink, orderDigests } from "./digest-sheets.ts";
import { type WalkPoint, lacking } from "./digest-walk.ts";
import type { SourcePoint } from "./lineage.ts";
import { type Sealed, isLayerPart, openSealed } from "./sealed.ts";
import { type Sources, generationsOf, marksIn, sourcesOf } from "./sources.ts";
import { TailTracker } from "./tail-tracker.ts";
import { readAnew, stretchFrom } from "./walk.ts";

/** A point with what its manifest, or a base document, says of its disks. */
export type ProvedPoint = SourcePoint & WalkPoint;

/** An earlier point of the same generation, and where its digests begin. */
export interface Since {
  readonly id: BarrierId;
  /** Before the segment that holds its barrier; behind that of its proof when nothing between them is of a later point. */
  readonly scanned: JournalPosition;
}

export interface GatherRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly point: ProvedPoint;
  /** Only the digests of blocks that changed since are wanted, unless `whole` is set; all without it. */
  readonly since?: Since | undefined;
  readonly whole?: boolean | undefined;
  /** Where digests are kept that memory does not hold. */
  readonly scratch: ObjectStore;
  /** Who gathers, in the names of what is kept there. */
  readonly use: string;
  readonly signal?: AbortSignal | undefined;
  /** Digests that memory holds; two million when absent: 90 MB, for 128 GiB of disk that is in use. */
  readonly held?: number | undefined;
  /** Called with each segment, and part of a layer, that was read for them, of so many. */
  readonly onRead?: ((read: number, all: number) => void) | undefined;
}

const HELD = 2 ** 21;
/** Runs of one level, which are merged into one of the next. */
const SIDE_BY_SIDE = 32;
/** Objects read ahead: fewer than for a restore, since nobody waits. */
const PARALLEL = 4;

/**
 * Gathers what the source said of its blocks at a point's barrier, from layers and segments, newest first: `walk`, as far as it is enough,
 * then `order`. What memory does not hold goes into sealed runs, so that memory does not grow with the disk, and between two turns
 * all of it does (`keep`). Of layers it reads the digests only; of segments all, but opens only those that hold marks.
 */
export class DigestGathering {
  readonly #s: GatherRequest;
  readonly #space: BlockSpace;
  readonly #place: RunsPlace;
  #state: Omit<Gathering, "changed">;
  #changed: Blocks | undefined;
  #chunk: DigestChunk;
  #closed: SortedDigests[] = [];
  #held: SortedDigests | undefined;
  /** Met before the barrier of their generation's point, and of another: not known yet whether of a later one. */
  #waiting: DigestsRecord[] = [];
  #at: Generation | undefined;

  /** @param kept where another turn left it. @throws ManifestDamaged when that cannot be */
  constructor(s: GatherRequest, kept?: Gathering) {
    const { scratch, key, point, use } = s;
    this.#s = s;
    this.#space = new BlockSpace(point.disks);
    this.#place = { scratch, key, point, use, space: this.#space };
    this.#chunk = this.#newChunk();
    if (kept) {
      const { changed, ...state } = kept;
      this.#state = state;
      this.#changed = changed && blocksFromText("a gathering", changed, point.disks);
      this.#at = state.place?.generation;
      return;
    }
    this.#state = { build: barrierId(randomUUID()), ...this.#beginning("all") };
    this.#beginAt(s);
  }

  /** Of the objects that `order` is to put. */
  get build(): BarrierId {
    return this.#state.build;
  }

  /** Where the next scan may begin, as `Since` has it. Once the walk is over. */
  get scanned(): JournalPosition {
    const { scanned } = this.#state;
    if (!scanned) throw lacking(this.#s.point);
    return scanned;
  }

  /** Blocks that the barriers behind `since`, up to the point's, name as changed; undefined when all count as changed. */
  get changed(): Blocks | undefined {
    return this.#changed;
  }

  /** All of them, once the walk is over, if memory holds them. */
  get held(): SortedDigests | undefined {
    return this.#held;
  }

  /** Something of it may lie where digests are kept. */
  get isStored(): boolean {
    return this.#state.runs.length > 0 || (this.#state.stage === "order" && this.#held === undefined);
  }

  /**
   * Walks on through the journal, at least one segment or part.
   * @returns whether everything was met
   * @throws ChainBroken when the journal lacks a point's barrier; what reading it throws; the signal's reason
   */
  async walk(enough: () => boolean): Promise<boolean> {
    if (this.#state.stage === "changed" && !(await this.#walkChanged(enough))) return false;
    if (this.#state.stage === "all" && !(await this.#walkAll(enough))) return false;
    if (this.#state.runs.length > 0 || this.#closed.length > 0) await this.#spill();
    else this.#held ??= this.#chunk.sorted();
    return true;
  }

  /**
   * Gives the digests in the order of the disks, and compares them with the point's roots when they are those of all blocks.
   * @returns whether all was given; from there another one goes on
   * @throws ManifestDamaged when they do not give a disk's root; KeptLost; what the sink throws
   */
  async order(sink: DigestSink | undefined, enough: () => boolean): Promise<boolean> {
    const { runs, order } = this.#state;
    const isAll = this.#changed === undefined || this.#s.whole === true;
    const from = this.#held
      ? [new HeldRun(this.#held)]
      : runs.map((run, n) => new StoredRun(this.#place, run, order?.parts[n]));
    const rest = await orderDigests({
      space: this.#space,
      runs: from,
      from: order,
      sink,
      roots: isAll ? this.#s.point : undefined,
      enough,
    });
    if (rest) this.#state = { ...this.#state, order: { ...rest, parts: from.map(({ part }) => part) } };
    return rest === undefined;
  }

  /** What another turn needs to go on; everything that it names is stored. */
  async keep(): Promise<Gathering> {
    await this.#spill();
    const changed = this.#changed && textOfBlocks(this.#changed);
    return { ...this.#state, ...(changed && { changed }) };
  }

  #newChunk(): DigestChunk {
    return new DigestChunk(this.#space.total, this.#s.held ?? HELD);
  }

  #beginning(stage: Gathering["stage"]): Omit<Gathering, "build" | "changed"> {
    const { position, sequence } = this.#s.point;
    const behind = position.sequence > sequence;
    return { stage, met: [], later: [], past: false, behind, runs: [] };
  }

  #beginAt({ since, point, whole }: GatherRequest): void {
    if (!since) return;
    this.#changed = noBlocks(point.disks);
    const stage = since.id !== point.id ? "changed" : whole === true ? "all" : "order";
    this.#state = { ...this.#state, stage, scanned: since.scanned };
  }

  /** With nothing of what was met so far. */
  #beginAll(): void {
    this.#state = { build: this.#state.build, ...this.#beginning("all") };
    this.#chunk = this.#newChunk();
    this.#closed = [];
    this.#waiting = [];
    this.#at = undefined;
  }

  async #walkChanged(enough: () => boolean): Promise<boolean> {
    const { objects, point, since, whole } = this.#s;
    if (!since) throw new RangeError("there is no point to gather since");
    const ranges = [{ from: since.scanned, to: point.position }];
    const sources = { objects, point, layers: [], ranges };
    try {
      if (!(await this.#through(sources, enough))) return false;
    } catch (error) {
      if (!hasCode(error, "SegmentMissing")) throw error;
      // Layers stand for it, or the walk through everything says which one it is.
      this.#changed = undefined;
      this.#beginAll();
      return true;
    }
    this.#finish(sources);
    if (whole === true) this.#beginAll();
    return true;
  }

  async #walkAll(enough: () => boolean): Promise<boolean> {
    const sources = await sourcesOf(this.#s.objects, this.#s.point);
    if (!(await this.#through(sources, enough))) return false;
    this.#finish(sources);
    return true;
  }

  /** @returns whether the way is at its end */
  async #through(sources: Sources, enough: () => boolean): Promise<boolean> {
    const { place } = this.#state;
    const anew = readAnew(sources, place);
    if (anew !== undefined) this.#forget(anew);
    const reading = { only: "marks" as const, parallel: PARALLEL };
    const { segments, walked } = stretchFrom({
      sources,
      from: { place, left: bytes(0) },
      reading,
      enough: () => this.#waiting.length === 0 && enough(),
    });
    const all = marksIn(sources);
    let read = 0;
    for await (const sealed of segments) {
      this.#s.signal?.throwIfAborted();
      await this.#meet(sources, sealed);
      this.#s.onRead?.(++read, all);
    }
    const to = walked();
    const { place: _, ...state } = this.#state;
    this.#state = to?.place ? { ...state, place: to.place } : state;
    return to === undefined;
  }

  /** Of this generation, and those below it, everything is met once more. */
  #forget(anew: Generation): void {
    const { met, tail, behind, ...state } = this.#state;
    const isNewest = anew === this.#s.point.generation;
    const known = isNewest ? this.#beginning(state.stage) : { behind, ...(tail && { tail }) };
    this.#state = { ...state, met: met.filter((of) => of > anew), later: [], ...known, runs: state.runs };
    this.#at = undefined;
  }

  async #meet(sources: Sources, sealed: Sealed): Promise<void> {
    const { point, key } = this.#s;
    const { generation: of, marks } = sealed.header;
    if (of !== this.#at) {
      if (this.#at !== undefined) this.#state.later = [];
      this.#at = of;
      this.#waiting = [];
    }
    const own = [...generationsOf(sources)].find(({ point: { generation } }) => generation === of);
    if (marks && own) this.#take(await openSealed(sealed, key), of, own.point.id);
    if (of === point.generation) {
      this.#state.behind ||= this.#state.later.length > 0;
      if (!isLayerPart(sealed)) this.#track(sealed.header);
    }
    while (this.#closed.length > 0) await this.#spillOne(this.#closed.shift());
  }

  /** Of one segment or part, in their order. @throws SegmentDamaged */
  #take(records: Awaited<ReturnType<typeof openSealed>>, of: Generation, wanted: BarrierId): void {
    const isMet = () => this.#state.met.includes(of);
    for (const record of records.toReversed()) {
      if (record.kind === "barrier") this.#meetBarrier(record.id, of, wanted);
      if (record.kind !== "digests") continue;
      if (record.barrier === wanted || isMet()) this.#fold(record);
      else this.#waiting.push({ ...record, digests: Uint8Array.from(record.digests) });
    }
  }

  #meetBarrier(id: BarrierId, of: Generation, wanted: BarrierId): void {
    const state = this.#state;
    if (state.stage === "changed" && id === this.#s.since?.id) state.past = true;
    if (state.met.includes(of)) return;
    if (id !== wanted) {
      if (!state.later.includes(id)) state.later = [...state.later, id];
      return;
    }
    state.met = [...state.met, of];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const record of waiting) if (!state.later.includes(record.barrier)) this.#fold(record);
  }

  #fold({ disk, barrier, blocks, digests }: DigestsRecord): void {
    const { stage, past } = this.#state;
    // Those of `since` count as well: digests of an older barrier may lie behind its own, and may not take their place.
    const isNew = stage === "changed" && !past && barrier !== this.#s.since?.id;
    const range = this.#space.rangeOf(disk);
    // An older generation may have been of more disks.
    if (!range && this.#at !== this.#s.point.generation) return;
    const changed = isNew ? this.#changed?.get(disk) : undefined;
    for (let n = 0; n < blocks.length; n++) {
      const block = blocks[n] ?? Infinity;
      if (!range || block >= range.count)
        throw new LeewardError(
          "SegmentDamaged",
          `barrier ${barrier} of ${this.#s.point.machine} has a digest of block ${block} of disk ${disk}, which there is not`,
        );
      if (this.#chunk.full) {
        this.#closed.push(this.#chunk.sorted());
        this.#chunk = this.#newChunk();
      }
      this.#chunk.add(range.base + block, at(digests, n));
      changed?.add(block, block + 1);
    }
  }

  #track(header: Parameters<TailTracker["meet"]>[0]): void {
    const { position, generation } = this.#s.point;
    const tracker = new TailTracker(position, this.#state.tail);
    tracker.meet(header, this.#state.met.includes(generation));
    this.#state = { ...this.#state, tail: tracker.state };
  }

  /** @throws ChainBroken */
  #finish(sources: Sources): void {
    const { position } = this.#s.point;
    const { met, tail, behind } = this.#state;
    for (const { point } of generationsOf(sources)) if (!met.includes(point.generation)) throw lacking(point);
    const scanned = new TailTracker(position, tail).result(sources.layers.at(-1), behind);
    if (!scanned) throw lacking(this.#s.point);
    this.#state = { ...this.#state, stage: "order", scanned };
  }

  async #spill(): Promise<void> {
    for (const sorted of this.#closed) await this.#spillOne(sorted);
    this.#closed = [];
    if (this.#held) await this.#spillOne(this.#held);
    else if (this.#chunk.count > 0) {
      await this.#spillOne(this.#chunk.sorted());
      this.#chunk = this.#newChunk();
    }
    this.#held = undefined;
  }

  async #spillOne(sorted: SortedDigests | undefined): Promise<void> {
    if (!sorted || sorted.count === 0) return;
    const runs = [...this.#state.runs, await keepRun(this.#place, sorted)];
    this.#state = { ...this.#state, runs };
    const level = runs.at(-1)?.level ?? 0;
    const first = runs.findLastIndex((run) => run.level !== level) + 1;
    if (runs.length - first < SIDE_BY_SIDE) return;
    const merged = await mergeRuns(this.#place, runs.slice(first), level + 1);
    this.#state = { ...this.#state, runs: [...runs.slice(0, first), merged] };
  }
}

/** Deletes what was kept there, but for what this gathering names. May run twice. */
export async function dropGathered(
  {
    scratch,
    point: { machine },
    use,
  }: Pick<GatherRequest, "scratch" | "use"> & { readonly point: Pick<SourcePoint, "machine"> },
  kept: { readonly build: BarrierId; readonly runs?: Gathering["runs"] } | undefined,
): Promise<void> {
  const names: string[] = [];
  const prefix = gatheredPrefix(machine, use);
  const builds = kept ? [kept, ...(kept.runs ?? [])].map(({ build }) => `${prefix}${build}-`) : [];
  for await (const { name } of scratch.list(prefix))
    if (!builds.some((build) => name.startsWith(build))) names.push(name);
  for (let first = 0; first < names.length; first += BATCH)
    await scratch.delete(names.slice(first, first + BATCH));
}

const BATCH = 256;
