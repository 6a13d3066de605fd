import type { Clock } from "../engine/core/clock.ts";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import { type Bytes, type Micros, type Millis, type Ordinal, bytes, ordinal } from "../engine/core/units.ts";
import type { DataKey } from "../engine/journal/key.ts";
import { dataKeyBytes } from "../engine/journal/key.ts";
import { segmentName } from "../engine/journal/names.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { DiskFile } from "./disk.ts";
import type { Files } from "./files.ts";
import { KeptSegments, type KeptSegment } from "./kept-segments.ts";
import { type DraftSegment, type Sealed, sealLog } from "./seal.ts";
import { type ClosedLog, segmentFile } from "./spool.ts";
import { readSegment, uploadSegment } from "./upload.ts";
import { Uplink, type UplinkState } from "./uplink.ts";

/** Where segments go and what seals them; comes with the registration. */
export interface Destination {
  readonly store: ObjectStore;
  readonly key: DataKey;
}

export interface OutboxEvents {
  /** Everything before the position is durable in the cache. Write it down: its files may go when this returns. */
  cached(position: JournalPosition, uploaded: Bytes): void;
  /** Files of this size went. */
  freed(size: number): void;
  /** A log became a segment of this size. */
  sealed(log: ClosedLog, size: number): void;
  /** The journal cannot go on from here. */
  broken(error: LeewardError): void;
}

interface Parcel {
  readonly log: ClosedLog;
  sealed?: Sealed;
  uploading: boolean;
  done: boolean;
}

/**
 * Carries closed logs to the cache account: seals one after the other, uploads several at once, tells in order. What is
 * in the cache stays in the spool until it has arrived in the target, so that it can be sent again.
 */
export class Outbox {
  readonly #files: Files;
  readonly #machine: MachineId;
  readonly #directory: string;
  readonly #disks: readonly DiskFile[];
  readonly #clock: Clock;
  readonly #uplink: Uplink;
  readonly #kept: KeptSegments;
  readonly #events: OutboxEvents;
  readonly #draftSegment: DraftSegment;
  readonly #buffers: Buffer[] = [];
  readonly #stop = new AbortController();
  /** In order; the first is the one that `cached` waits for. */
  readonly #parcels: Parcel[] = [];
  #position: JournalPosition;
  #uploaded: Bytes;
  #destination: Destination | undefined;
  /** Undefined until it was told: then nothing is kept. */
  #arrived: Ordinal | undefined;
  /** Being sent again. */
  readonly #again = new Set<Ordinal>();
  #sealing = false;
  #chain: JournalPosition["chain"];

  constructor(s: {
    files: Files;
    machine: MachineId;
    directory: string;
    /** In index order. */
    disks: readonly DiskFile[];
    clock: Clock;
    position: JournalPosition;
    uploaded: Bytes;
    /** In the cache already. */
    kept: readonly KeptSegment[];
    retryLadder: readonly Millis[];
    draftSegment: DraftSegment;
    events: OutboxEvents;
  }) {
    this.#files = s.files;
    this.#machine = s.machine;
    this.#directory = s.directory;
    this.#disks = s.disks;
    this.#clock = s.clock;
    this.#draftSegment = s.draftSegment;
    this.#events = s.events;
    this.#position = s.position;
    this.#chain = s.position.chain;
    this.#uploaded = s.uploaded;
    this.#kept = new KeptSegments(s.files, s.directory, s.kept);
    this.#uplink = new Uplink(s.clock, s.machine, s.retryLadder);
  }

  get uplink(): UplinkState {
    return this.#uplink.state;
  }

  /** The oldest segment that is in the cache and still here. */
  get keptFrom(): Ordinal | undefined {
    return this.#kept.from;
  }

  /** Of files that are in the cache as well. */
  get keptBytes(): number {
    return this.#kept.bytes;
  }

  /** Segments that are not in the cache. */
  get segments(): number {
    return this.#parcels.length;
  }

  /** Whether more of them may be in the cache by then: an upload is under way, or one may begin. */
  mayCarry(until: Micros): boolean {
    if (this.#parcels.length === 0 || !this.#destination || this.#stop.signal.aborted) return false;
    return this.#parcels.some(({ uploading }) => uploading) || this.#uplink.opensBy(until);
  }

  /** Guest bytes in them. */
  get payload(): Bytes {
    return bytes((this.#parcels.at(-1)?.log.end.bytes ?? this.#position.bytes) - this.#position.bytes);
  }

  /** May be called again with new access; the key must stay. */
  connect(destination: Destination): void {
    this.#destination = destination;
    this.#uplink.renewed();
    this.#work();
  }

  setLadder(ladder: readonly Millis[]): void {
    this.#uplink.setLadder(ladder);
  }

  /** Everything before it is in the target. */
  arrived(before: Ordinal): void {
    this.#arrived = before;
    this.#free(this.#kept.releaseBefore(before));
  }

  /** Lets go what is in the cache, the oldest first, until so many bytes are free or nothing is left. */
  makeRoom(size: number): void {
    this.#free(this.#kept.makeRoom(size));
  }

  /** The cache lost or spoiled these. Those that are not here any more are left out. */
  sendAgain(ordinals: readonly Ordinal[]): void {
    for (const one of ordinals) void this.#sendAgain(one);
  }

  /** Logs come in order. */
  add(log: ClosedLog): void {
    this.#parcels.push({ log, uploading: false, done: false });
    this.#work();
  }

  close(): void {
    this.#stop.abort();
  }

  #work(): void {
    const to = this.#destination;
    if (!to || this.#stop.signal.aborted) return;
    void this.#sealNext(to);
    const flying = this.#parcels.filter((one) => one.uploading).length;
    const ready = this.#parcels.filter((one) => one.sealed && !one.uploading && !one.done);
    for (const parcel of ready.slice(0, Math.max(this.#uplink.width - flying, 0))) void this.#upload(parcel);
  }

  async #sealNext({ key }: Destination): Promise<void> {
    const parcel = this.#parcels.find((one) => !one.sealed);
    if (!parcel || this.#sealing) return;
    this.#sealing = true;
    try {
      parcel.sealed = await this.#seal(parcel.log, key);
      this.#chain = parcel.sealed.digest;
      this.#events.sealed(parcel.log, parcel.sealed.size);
      this.#sealing = false;
      this.#work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * What is left when this closed is on stable storage as it is: a name given later might go in a crash of the machine,
   * after which the same log would be sealed to another digest.
   */
  readonly #draft: DraftSegment = async (task) => {
    const sealed = await this.#draftSegment(task);
    this.#stop.signal.throwIfAborted();
    return sealed;
  };

  async #seal({ ordinal: of, from, end }: ClosedLog, key: DataKey): Promise<Sealed> {
    const task = {
      directory: this.#directory,
      disks: this.#disks,
      machine: this.#machine,
      generation: this.#position.generation,
      ordinal: of,
      previous: this.#chain,
      from,
      key: dataKeyBytes(key),
    };
    const sealed = await sealLog(this.#files, task, this.#draft);
    if (sealed.previous !== this.#chain || sealed.from !== from || sealed.to !== end.sequence)
      throw new LeewardError("SpoolDamaged", `segment ${of} in the spool does not follow the one before it`);
    return sealed;
  }

  /** Storage may be away for any time; only what says that this spool is not the one ends the tries. */
  async #upload(parcel: Parcel): Promise<void> {
    parcel.uploading = true;
    try {
      await this.#send({ ordinal: parcel.log.ordinal, size: parcel.sealed?.size ?? 0 });
      this.#uplink.succeeded();
      parcel.done = true;
    } catch (error) {
      if (!(error instanceof LeewardError) || hasCode(error, "SpoolDamaged")) return this.#fail(error);
      this.#hold(error);
    }
    parcel.uploading = false;
    this.#advance();
    this.#work();
  }

  async #send({ ordinal: of, size }: KeptSegment): Promise<void> {
    const name = segmentName(this.#machine, this.#position.generation, of);
    // Large buffers are used again: fresh ones keep the garbage collector busy.
    let buffer = this.#buffers.pop() ?? Buffer.alloc(0);
    if (buffer.length < size) buffer = Buffer.allocUnsafeSlow(Math.ceil(size * 1.1));
    const file = segmentFile(this.#directory, of);
    const segment = await readSegment(this.#files, file, buffer.subarray(0, size));
    try {
      await uploadSegment(this.#store(), name, segment);
    } finally {
      this.#buffers.push(buffer);
    }
  }

  /** One that cannot be sent now is asked for again. */
  async #sendAgain(of: Ordinal): Promise<void> {
    const kept = this.#kept.find(of);
    if (!kept || this.#again.has(of) || !this.#destination || this.#stop.signal.aborted) return;
    this.#again.add(of);
    await this.#send(kept).catch(() => undefined);
    this.#again.delete(of);
  }

  #hold(error: LeewardError): void {
    if (this.#uplink.failed(error) !== undefined) void this.#goOn().catch(() => undefined);
  }

  /** Once the rung is over; a timer may be early. */
  async #goOn(): Promise<void> {
    for (let rest = this.#uplink.rest; rest > 0; rest = this.#uplink.rest)
      await this.#clock.sleep(rest, this.#stop.signal);
    this.#work();
  }

  /** The newest access: an old one may have expired while this waited. */
  #store(): ObjectStore {
    if (!this.#destination)
      throw new LeewardError("StorageUnavailable", "there is no access to the cache yet");
    return this.#destination.store;
  }

  /** Moves the mark over all that is uploaded from the front on. The mark is on disk before files may go. */
  #advance(): void {
    for (let first = this.#parcels[0]; first?.done && first.sealed; first = this.#parcels[0]) {
      this.#parcels.shift();
      const { log, sealed } = first;
      this.#position = {
        generation: this.#position.generation,
        next: ordinal(log.ordinal + 1),
        chain: sealed.digest,
        ...log.end,
      };
      this.#uploaded = bytes(this.#uploaded + sealed.size);
      this.#events.cached(this.#position, this.#uploaded);
      this.#kept.add({ ordinal: log.ordinal, size: sealed.size });
      this.#free(this.#kept.releaseBefore(this.#arrived ?? this.#position.next));
    }
  }

  #free(size: number): void {
    if (size > 0) this.#events.freed(size);
  }

  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    const known =
      error instanceof LeewardError ? error : new LeewardError("SpoolDamaged", String(error), error);
    this.#events.broken(known);
  }
}
