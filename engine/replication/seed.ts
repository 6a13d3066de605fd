import { randomUUID } from "node:crypto";
import { DIGEST_BYTES } from "../core/digest.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type MachineId, barrierId } from "../core/ids.ts";
import { BLOCK, type Bytes, type Micros, bytes, sequence } from "../core/units.ts";
import { follow } from "../journal/chain.ts";
import { nodeOver, rootOver, zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import { segmentName } from "../journal/names.ts";
import { openSegment } from "../journal/open.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { BarrierRecord, DigestsRecord, DiskRoot, JournalRecord } from "../journal/record.ts";
import { sealSegment } from "../journal/seal.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import type { BaseDigests } from "./base-digests.ts";
import { type SizedDisk, blockLength } from "./blocks.ts";
import type { HeldPoint } from "./lineage.ts";
import { fetchPack, segmentsOf } from "./pack.ts";
import { type Gathered, type SeedDisk, SeedReader } from "./seed-reader.ts";
import { type KeptState, type SeedState, keepSeedState, readSeedState } from "./seed-state.ts";
import { type Window, windowOf, windowsFrom, windowsIn } from "./seed-windows.ts";

export interface SeedLimits {
  /** A segment is closed when it holds this much, before compression. */
  readonly segmentBytes: Bytes;
  /** A run ends once so much of the disks was compared. */
  readonly maxBytes: Bytes;
}

export interface SeedRequest {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  /** Of the generation that the disks become; nobody else writes it. */
  readonly start: JournalPosition;
  /** Ascending by index. */
  readonly disks: readonly SeedDisk[];
  /** What the generation stands on: only what differs is written. Empty disks without it. */
  readonly base: BaseDigests | undefined;
  readonly limits: SeedLimits;
  readonly clock: () => Micros;
}

export interface SeedTurn {
  /** Of all disks; those of earlier runs count. */
  readonly compared: Bytes;
  /** Bytes of blocks that are not in the base. */
  readonly copied: Bytes;
  /** What the next generation may stand on; undefined while there is more to do. */
  readonly point: HeldPoint | undefined;
}

/**
 * Makes a generation of the journal out of disks that are there, so that another one can stand on it: the blocks that
 * differ from the base, then a barrier and its proof. It has no manifest: what is read over minutes, from disks that
 * somebody may write to meanwhile, is no state that they ever had. It need not be one: digests and data come of one
 * reading of each block, so what stands on it is compared with exactly what the target holds.
 *
 * May die anywhere, and any number of runs may be at work: each segment is created if absent, and who finds one there goes
 * on behind it. Each segment names the blocks that it holds, so nothing has to be known but the segments; the document that
 * a run leaves behind only spares the next one reading them.
 * Memory: two segments, and at most 2 MiB for each TiB of disk. Storage calls: one PUT for each segment, one GET and one
 * PUT for each run, and what reading the base takes.
 * @throws SegmentMissing, SegmentDamaged, ChainBroken, KeyWrong; storage errors; what the readers throw
 */
export async function seed(s: SeedRequest): Promise<SeedTurn> {
  const run = new SeedRun(s, await readSeedState(s.objects, s.machine, s.start));
  await run.go();
  return run.turn;
}

class SeedRun {
  readonly #s: SeedRequest;
  readonly #kept: KeptState;
  readonly #state: SeedState;
  readonly #reader: SeedReader;
  #left: number;
  #point: HeldPoint | undefined;

  constructor(s: SeedRequest, kept: KeptState) {
    this.#s = s;
    this.#kept = kept;
    this.#state = kept.state;
    this.#left = s.limits.maxBytes;
    this.#reader = new SeedReader(s.disks, s.base);
  }

  get turn(): SeedTurn {
    let compared = 0;
    for (const { disk, first, end, number } of windowsFrom(this.#s.disks, 0))
      if (number < this.#state.window) compared += Math.min(end * BLOCK, disk.size) - first * BLOCK;
    return { compared: bytes(compared), copied: bytes(this.#state.copied), point: this.#point };
  }

  /** To the end, or as far as one run may go. */
  async go(): Promise<void> {
    try {
      await this.#adopt();
      while (!this.#point && this.#left > 0) await this.#step();
    } finally {
      await this.#reader.close();
    }
    if (!this.#point) await keepSeedState(this.#s.objects, this.#s.machine, this.#kept);
  }

  /** What is there already behind the state. */
  async #adopt(): Promise<void> {
    const { objects, machine } = this.#s;
    while (!this.#point && this.#left > 0) {
      const { generation, next: first } = this.#state.position;
      const [segment] = (await fetchPack(objects, { machine, generation, first }))?.segments ?? [];
      if (!segment) return;
      await this.#take(segment);
      this.#left -= segment.header.bodyLength;
    }
  }

  async #step(): Promise<void> {
    const { disks, limits, clock } = this.#s;
    const found = await this.#reader.gather(this.#state.window, limits.segmentBytes, this.#left);
    this.#left -= found.compared;
    const same = found.runs.length === 0;
    if (same && found.end < windowsIn(disks)) this.#state.window = found.end;
    else
      await this.#put(same ? await this.#ending() : recordsOf(found, this.#state.position.sequence, clock()));
  }

  /** Or takes over what another run put there, or this one when nobody told it that it had. */
  async #put(records: readonly JournalRecord[]): Promise<void> {
    const { objects, machine, key } = this.#s;
    const { generation, next: ordinal, chain: previous, sequence: from } = this.#state.position;
    const sealed = await sealSegment({ machine, generation, ordinal, previous, from, records, key });
    const name = segmentName(machine, generation, ordinal);
    try {
      await objects.put(name, sealed.bytes, "absent");
      await this.#take(sealed, records);
    } catch (error) {
      if (!hasCode(error, "ObjectExists")) throw error;
      const [segment] = await segmentsOf(objects, { machine, generation, first: ordinal });
      if (!segment) throw new LeewardError("ObjectChanged", `${name} exists, and is not there`, error);
      await this.#take(segment);
    }
  }

  /** Goes on behind the segment. */
  async #take(segment: CheckedSegment, records?: readonly JournalRecord[]): Promise<void> {
    const { machine, key } = this.#s;
    const state = this.#state;
    const position = follow(machine, state.position, segment);
    const marks = records ?? (await openSegment(segment, key));
    for (const record of marks) if (record.kind === "digests") await this.#fold(record);
    state.position = position;
    const last = marks.findLast((record) => record.kind === "barrier");
    const proof = marks.find((record) => record.kind === "proof");
    if (last && proof) this.#point = pointOf(machine, position, last, proof.roots);
    else if (proof || !last)
      throw new LeewardError(
        "ChainBroken",
        `segment ${segment.header.ordinal} is none of a seed of ${machine}`,
      );
  }

  /** Notes the nodes that the blocks lie under. */
  async #fold({ disk: index, blocks, digests }: DigestsRecord): Promise<void> {
    const { disks } = this.#s;
    const state = this.#state;
    for (let i = 0; i < blocks.length;) {
      const number = windowOf(disks, index, blocks[i] ?? 0);
      const [window] = windowsFrom(disks, number);
      if (!window) throw new RangeError(`there is no window ${number}`);
      const all = await this.#baseOf(window);
      for (let block = blocks[i]; block !== undefined && block < window.end; block = blocks[++i]) {
        all.set(
          digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES),
          (block - window.first) * DIGEST_BYTES,
        );
        state.copied += blockLength(window.disk.size, block);
      }
      state.nodes.set(number, nodeOver(window.disk.size, all));
      state.window = Math.max(state.window, number + 1);
    }
  }

  async #baseOf({ disk, first, end }: Window<SizedDisk>): Promise<Uint8Array> {
    const length = Math.min(end * BLOCK, disk.size) - first * BLOCK;
    return (await this.#s.base?.offered(disk, first, end)) ?? zeroDigests(bytes(length));
  }

  /** All is compared: the barrier, and the roots of the disks as they are with all segments. */
  async #ending(): Promise<JournalRecord[]> {
    const { disks, clock } = this.#s;
    const common = { sequence: this.#state.position.sequence, time: clock() };
    const barrier = barrierOf(common);
    const nodes = new Map(disks.map(({ index }) => [index, new Array<Uint8Array>()]));
    for (const window of windowsFrom(disks, 0)) {
      const { size, index } = window.disk;
      const named = this.#state.nodes.get(window.number);
      nodes.get(index)?.push(named ?? nodeOver(size, await this.#baseOf(window)));
    }
    const roots = disks.map(({ index: disk, size }) => {
      return { disk, size, root: rootOver(size, Buffer.concat(nodes.get(disk) ?? [])) };
    });
    return [barrier, { kind: "proof", barrier: barrier.id, ...common, roots }];
  }
}

/** Writes, then a barrier of their own and their digests: a barrier without a proof is no point. */
function recordsOf(
  { runs, named }: Gathered,
  from: BarrierRecord["sequence"],
  time: Micros,
): JournalRecord[] {
  const writes = runs.map(({ disk, offset, length, data }, i) => {
    const common = { sequence: sequence(from + i + 1), time, disk, offset, copied: true } as const;
    return data ? { kind: "data" as const, ...common, data } : { kind: "zero" as const, ...common, length };
  });
  const common = { sequence: sequence(from + runs.length), time };
  const barrier = barrierOf(common);
  const digests = [...named].map(([disk, { blocks, digests: found }]) => ({
    kind: "digests" as const,
    barrier: barrier.id,
    ...common,
    disk,
    blocks: Uint32Array.from(blocks),
    digests: Buffer.concat(found),
  }));
  return [...writes, barrier, ...digests];
}

const barrierOf = (common: Pick<BarrierRecord, "sequence" | "time">): BarrierRecord => ({
  kind: "barrier",
  id: barrierId(randomUUID()),
  ...common,
  consistency: "crash",
});

const pointOf = (
  machine: MachineId,
  position: JournalPosition,
  { id, sequence: at }: BarrierRecord,
  roots: readonly DiskRoot[],
): HeldPoint => ({
  machine,
  generation: position.generation,
  id,
  sequence: at,
  position,
  disks: roots.map(({ disk: index, size, root }) => ({ index, size, root })),
});
