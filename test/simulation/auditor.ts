import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { SECTOR, bytes } from "../../engine/core/units.ts";
import type { DataKey } from "../../engine/journal/key.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { parseSegmentName, pointName, replicaName } from "../../engine/journal/names.ts";
import type { JournalPosition } from "../../engine/journal/position.ts";
import { checkSegment, splitPack } from "../../engine/journal/segment.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { watermarks } from "../../engine/recovery/watermarks.ts";
import { type Checkpoint, listCheckpoints, readCheckpoint } from "../../engine/replication/checkpoints.ts";
import { type Wanted, findMoment } from "../../engine/replication/moment.ts";
import { listPoints, readPoint, readPointAt } from "../../engine/replication/points.ts";
import { readHealed } from "../../engine/replication/read-healed.ts";
import { restorePoint } from "../../engine/replication/restore.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import { MemorySink } from "../fixtures/memory-sink.ts";
import { FOOTER } from "../fixtures/carried.ts";
import { checkCounts } from "./counts.ts";
import { type Effect, type Stores, nameOf } from "./stores.ts";
import { type Barrier, type Truth, Violation } from "./truth.ts";
import type { Storm } from "./weather.ts";

/** Watches every storage call that took effect, on the storage itself, and knows the design's invariants by number. */
export class Auditor {
  readonly #stores: Stores;
  readonly #truth: Truth;
  readonly #storm: Storm;
  readonly #machine: MachineId;
  readonly #key: DataKey;
  /** Segments of each object in the target's journal, as `generation/ordinal`. */
  readonly #packs = new Map<string, string[]>();
  #progress: ProgressRecord | undefined;
  #marks: Record<string, { generation: number; sequence: number }> = {};
  restored = 0;
  checkpoints = 0;

  constructor(s: { stores: Stores; truth: Truth; storm: Storm; machine: MachineId; key: DataKey }) {
    this.#stores = s.stores;
    this.#truth = s.truth;
    this.#storm = s.storm;
    this.#machine = s.machine;
    this.#key = s.key;
  }

  /** As the record says. */
  get arrived(): JournalPosition | undefined {
    return this.#progress?.arrived;
  }

  /** @throws Violation */
  async after(effect: Effect): Promise<void> {
    const { store, method } = effect;
    const name = nameOf(effect);
    if (store === "spool") await this.#forgotten(name);
    if (store === "cache" && method === "delete") this.#released(effect.args[0]);
    if (method !== "put") return;
    if (store === "target" && parseSegmentName(name)) await this.#packed(name);
    if (store === "target" && name.includes("/points/")) await this.#pointed(name);
    if (store === "target" && name.includes("/checkpoints/")) await this.#checkpointed();
    if (name === `progress/${this.#machine}` || name === `agent/${this.#machine}`) await this.#moved();
  }

  forget(names: readonly string[]): void {
    for (const name of names) this.#packs.delete(name);
  }

  /** 1: what leaves the spool is in the cache, or was carried on. */
  async #forgotten(name: string): Promise<void> {
    const place = parseSegmentName(name);
    if (!place || this.#storm.lied || (await this.#stores.cache.get(name))) return;
    if (!this.#holds(place.generation, place.ordinal))
      throw new Violation(`1: the spool forgot ${name}, which is nowhere else`);
  }

  /** 7: the cache lets go only of what the target holds. */
  #released(names: unknown): void {
    for (const name of Array.isArray(names) ? names : []) {
      const place = parseSegmentName(String(name));
      if (
        place?.machine === this.#machine &&
        !this.#storm.lied &&
        !this.#holds(place.generation, place.ordinal)
      )
        throw new Violation(`7: ${name} left the cache before the target held it`);
    }
  }

  /** 3, 8: the target takes only what the agent of that generation sealed. */
  async #packed(name: string): Promise<void> {
    const object = await this.#stores.target.get(name);
    if (!object) return;
    const held: string[] = [];
    for (const part of soundly(name, () => splitPack(object.body))) {
      const { header, digest } = soundly(name, () => checkSegment(part));
      if (await this.#isSeed(header.generation)) this.#truth.noteSeed({ header, digest }, this.#storm.lied);
      if (this.#truth.digestAt(header.generation, header.ordinal) !== digest)
        throw new Violation(`8: ${name} holds a segment ${header.ordinal} that its agent never sealed`);
      held.push(`${header.generation}/${header.ordinal}`);
    }
    const lost = this.#packs.get(name)?.find((one) => !held.includes(one));
    if (lost) throw new Violation(`8: ${name} was overwritten and lost segment ${lost}`);
    this.#packs.set(name, held);
  }

  /** Whether the control plane writes this generation, as the machine was taken over. */
  async #isSeed(of: number): Promise<boolean> {
    const item = (await recordsIn(this.#stores.records).items.get(itemKeyOf(this.#machine)))?.value;
    if (item?.state === "Reversing") this.#truth.seeds.add(item.generation);
    return this.#truth.seeds.has(of);
  }

  /** 3 and the watermarks: they move forward only, and over nothing that is not there. */
  async #moved(): Promise<void> {
    const records = recordsIn(this.#stores.records);
    const progress = (await records.progress.get(this.#machine))?.value;
    if (!progress) return;
    const before = this.#progress;
    this.#progress = progress;
    for (const name of ["arrived", "cut", "applied"] as const) {
      const [old, now] = [before?.[name], progress[name]];
      if (old && (!now || isBehind(now, old))) throw new Violation(`watermark ${name} went back`);
      if (now && name !== "cut") this.#checkHeld(name, now, old);
    }
    const agent = (await records.agents.get(this.#machine))?.value;
    checkCounts(this.#truth, progress, agent);
    for (const [name, mark] of Object.entries(watermarks(agent, progress))) {
      const old = this.#marks[name];
      const back = old && mark.generation === old.generation && mark.sequence < old.sequence;
      if (back || (old && mark.generation < old.generation))
        throw new Violation(`watermark ${name} went back`);
      this.#marks[name] = mark;
    }
  }

  #checkHeld(what: string, now: JournalPosition, old: JournalPosition | undefined): void {
    if (this.#storm.lied) return;
    const from = old?.generation === now.generation ? old.next : 0;
    for (let ordinal: number = from; ordinal < now.next; ordinal++)
      if (!this.#holds(now.generation, ordinal))
        throw new Violation(`3: ${what} passed segment ${ordinal}, which the target does not hold`);
    if (now.next > 0 && this.#truth.digestAt(now.generation, now.next - 1) !== now.chain)
      throw new Violation(`3: ${what} is on another chain than the agent's`);
  }

  /** 4: everything that a point needs is there before it. */
  async #pointed(name: string): Promise<void> {
    const point = await this.#healed((objects) => readPointAt(objects, name));
    const moment = this.#truth.momentOf(point);
    if (moment?.sequence !== point.sequence)
      throw new Violation(
        `4: point ${point.id} is no barrier that was proved at write ${point.sequence} of generation ${point.generation}:` +
          ` ${moment ? `it was set at write ${moment.sequence} of ${moment.generation}` : "it was never set"}`,
      );
    for (let ordinal = 0; ordinal < point.position.next && !this.#storm.lied; ordinal++)
      if (!this.#holds(point.generation, ordinal))
        throw new Violation(`4: point ${point.id} was made before segment ${ordinal} arrived`);
    const named = await this.#healed((objects) => readPoint(objects, this.#machine, point.id));
    if (named.generation < point.generation) throw new Violation(`4: an older point has the id ${point.id}`);
    await this.#restore(point);
  }

  /** 6: a checkpoint's snapshots are its point, to the byte. */
  async #checkpointed(): Promise<void> {
    for (const made of await listCheckpoints(this.#stores.target, this.#machine)) await this.#compare(made);
  }

  async #compare(made: Checkpoint): Promise<void> {
    this.checkpoints++;
    for (const { index, size, snapshot } of made.disks) {
      const name = replicaName(this.#machine, index);
      const found = await this.#stores.pages.read(name, bytes(0), bytes(size + SECTOR), snapshot);
      const wanted = Buffer.concat([this.#momentOf(made).disks[index] ?? Buffer.alloc(0), FOOTER]);
      if (!found.equals(wanted))
        throw new Violation(
          `6: the checkpoint of ${made.id} differs on disk ${index} ${firstDifference(found, wanted)}`,
        );
    }
  }

  #momentOf(barrier: Barrier) {
    const moment = this.#truth.momentOf(barrier);
    if (!moment) throw new Violation(`4: ${barrier.id} is no barrier of generation ${barrier.generation}`);
    return moment;
  }

  /** What failover, and anyone, would get. */
  async #restore(point: RecoveryPoint): Promise<void> {
    this.restored++;
    const sinks = new Map<number, MemorySink>();
    const sinkFor = async ({ index, size }: { readonly index: number; readonly size: number }) => {
      const sink = new MemorySink(size);
      sinks.set(index, sink);
      return sink;
    };
    try {
      await this.#healed((objects) => restorePoint({ objects, key: this.#key, point, sinkFor }));
    } catch (error) {
      if (this.#storm.lied && error instanceof LeewardError) return;
      throw new Violation(`7: point ${point.id} cannot be restored: ${String(error)}`);
    }
    for (const [index, { content }] of sinks) this.compareDisk(point, index, content);
  }

  compareDisk(point: Barrier, index: number, content: Buffer): void {
    const wanted = this.#momentOf(point).disks[index] ?? Buffer.alloc(0);
    if (!content.equals(wanted))
      throw new Violation(`point ${point.id} differs on disk ${index} ${firstDifference(content, wanted)}`);
  }

  /** Every point that exists. @throws Violation */
  async restoreAll(): Promise<void> {
    for (const { machine, generation, sequence, id } of await listPoints(this.#stores.target, this.#machine))
      await this.#restoreAt(pointName(machine, generation, sequence, id));
  }

  async #restoreAt(name: string): Promise<void> {
    const point = await this.#sound(`point ${name}`, (objects) => readPointAt(objects, name));
    if (point) await this.#restore(point);
  }

  /** Undefined when it cannot be read, and acknowledged objects were lost. @throws Violation */
  async #sound<Result>(
    what: string,
    read: (objects: ObjectStore) => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return await this.#healed(read);
    } catch (error) {
      if (this.#storm.lied && error instanceof LeewardError) return undefined;
      throw new Violation(`7: ${what} cannot be read: ${String(error)}`);
    }
  }

  /** What any reader gets: where something rots, what can be made again of the rest. */
  #healed<Result>(read: (objects: ObjectStore) => Promise<Result>): Promise<Result> {
    return readHealed({ objects: this.#stores.target, key: this.#key, machine: this.#machine }, read);
  }

  /** Every point that exists is restored and verified with the product's own digests, every checkpoint compared. */
  async everything(): Promise<number> {
    const { target } = this.#stores;
    const places = await listPoints(target, this.#machine);
    for (const { id } of places) {
      const point = await this.#sound(`point ${id}`, (objects) => readPoint(objects, this.#machine, id));
      if (!point) continue;
      await this.#restore(point);
      await this.#verify(point);
    }
    await this.#checkpointed();
    return places.length;
  }

  async #verify(point: RecoveryPoint): Promise<void> {
    try {
      const digests = await this.#healed((objects) => blockDigestsAt({ objects, key: this.#key, point }));
      for (const { index, size } of point.disks) {
        const content = this.#momentOf(point).disks[index] ?? Buffer.alloc(0);
        const read = async (offset: number, length: number) => content.subarray(offset, offset + length);
        const wrong = await verifyImage(read, size, digests.get(index) ?? new Uint8Array());
        if (wrong.length > 0) throw new Violation(`verify finds blocks ${wrong} of ${point.id} wrong`);
      }
    } catch (error) {
      if (this.#storm.lied && error instanceof LeewardError) return;
      throw error instanceof Violation ? error : new Violation(`verify: ${String(error)}`);
    }
  }

  /** Between points: the newest write that has arrived, or any. */
  async anyWrite(wanted: Wanted): Promise<boolean> {
    try {
      const { point, sinks } = await this.#healed((objects) => this.#momentIn(objects, wanted));
      const disks = this.#truth.disksAfter(point.generation, point.sequence);
      if (!disks) throw new Violation(`any write: write ${point.sequence} is before any barrier`);
      for (const [index, { content }] of sinks.entries())
        if (!content.equals(disks[index] ?? content.subarray(1)))
          throw new Violation(
            `any write: disk ${index} at write ${point.sequence} of generation ${point.generation} differs` +
              ` ${firstDifference(content, disks[index] ?? Buffer.alloc(0))}`,
          );
      return true;
    } catch (error) {
      if (hasCode(error, "MomentUnreachable") || (this.#storm.lied && error instanceof LeewardError))
        return false;
      throw error instanceof Violation ? error : new Violation(`any write: ${String(error)}`);
    }
  }

  async #momentIn(objects: ObjectStore, wanted: Wanted) {
    const source = { objects, key: this.#key, machine: this.#machine };
    const point = await findMoment(source, wanted);
    const sinks = point.disks.map(({ size }) => new MemorySink(size));
    await restorePoint({ ...source, point, sinkFor: async ({ index }) => sinks[index] });
    return { point, sinks };
  }

  async hasCheckpoint(point: RecoveryPoint): Promise<boolean> {
    return (await readCheckpoint(this.#stores.target, point)) !== undefined;
  }

  #holds(generation: number, ordinal: number): boolean {
    const wanted = `${generation}/${ordinal}`;
    return [...this.#packs.values()].some((held) => held.includes(wanted));
  }
}

const isBehind = (a: JournalPosition, b: JournalPosition): boolean =>
  a.generation < b.generation || (a.generation === b.generation && a.next < b.next);

function soundly<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new Violation(`3: ${name} in the target is damaged: ${String(error)}`);
  }
}

function firstDifference(a: Buffer, b: Buffer): string {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return `from byte ${at} (sector ${Math.floor(at / SECTOR)})`;
}
