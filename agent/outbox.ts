import type { Clock } from "../engine/core/clock.ts";
import { LeewardError, hasCode } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import { type Bytes, bytes, ordinal } from "../engine/core/units.ts";
import type { DataKey } from "../engine/journal/key.ts";
import { dataKeyBytes } from "../engine/journal/key.ts";
import { segmentName } from "../engine/journal/names.ts";
import type { JournalPosition } from "../engine/journal/position.ts";
import type { ObjectStore } from "../engine/storage/store.ts";
import type { DiskFile } from "./disk.ts";
import type { Files } from "./files.ts";
import { retryDelay } from "./retry-delay.ts";
import { type DraftSegment, type Sealed, sealLog } from "./seal.ts";
import { type ClosedLog, segmentFile } from "./spool.ts";
import { readSegment, uploadSegment } from "./upload.ts";

const PARALLEL = 4;

/** Where segments go and what seals them; comes with the registration. */
export interface Destination {
  readonly store: ObjectStore;
  readonly key: DataKey;
}

export interface OutboxEvents {
  /** Everything before the position is durable in the cache. Write it down: its files go when this returns. */
  cached(position: JournalPosition, uploaded: Bytes, freed: number): void;
  /** A log became a segment of this size. */
  sealed(log: ClosedLog, size: number): void;
  /** An upload failed and is tried again, or the last trouble has passed. */
  trouble(error: LeewardError | undefined): void;
  /** The journal cannot go on from here. */
  broken(error: LeewardError): void;
}

interface Parcel {
  readonly log: ClosedLog;
  sealed?: Sealed;
  uploading: boolean;
  done: boolean;
}

/** Carries closed logs to the cache account: seals one after the other, uploads several at once, tells in order. */
export class Outbox {
  readonly #files: Files;
  readonly #machine: MachineId;
  readonly #directory: string;
  readonly #disks: readonly DiskFile[];
  readonly #clock: Clock;
  readonly #events: OutboxEvents;
  readonly #draftSegment: DraftSegment;
  readonly #buffers: Buffer[] = [];
  readonly #stop = new AbortController();
  /** In order; the first is the one that `cached` waits for. */
  readonly #parcels: Parcel[] = [];
  #position: JournalPosition;
  #uploaded: Bytes;
  #destination: Destination | undefined;
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
  }

  /** Segments that are not in the cache. */
  get segments(): number {
    return this.#parcels.length;
  }

  /** Guest bytes in them. */
  get payload(): Bytes {
    return bytes((this.#parcels.at(-1)?.log.end.bytes ?? this.#position.bytes) - this.#position.bytes);
  }

  /** May be called again with new access; the key must stay. */
  connect(destination: Destination): void {
    this.#destination = destination;
    this.#work();
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
    for (const parcel of ready.slice(0, PARALLEL - flying)) void this.#upload(parcel);
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
    const sealed = await sealLog(this.#files, task, this.#draftSegment);
    if (sealed.previous !== this.#chain || sealed.from !== from || sealed.to !== end.sequence)
      throw new LeewardError("SpoolDamaged", `segment ${of} in the spool does not follow the one before it`);
    return sealed;
  }

  async #upload(parcel: Parcel): Promise<void> {
    parcel.uploading = true;
    const { ordinal: of } = parcel.log;
    const name = segmentName(this.#machine, this.#position.generation, of);
    // Large buffers are used again: fresh ones keep the garbage collector busy.
    let buffer = this.#buffers.pop() ?? Buffer.alloc(0);
    const size = parcel.sealed?.size ?? 0;
    if (buffer.length < size) buffer = Buffer.allocUnsafeSlow(Math.ceil(size * 1.1));
    try {
      const segment = await readSegment(
        this.#files,
        segmentFile(this.#directory, of),
        buffer.subarray(0, size),
      );
      await this.#untilDone(() => uploadSegment(this.#store(), name, segment));
      this.#buffers.push(buffer);
    } catch (error) {
      return this.#fail(error);
    }
    parcel.uploading = false;
    parcel.done = true;
    await this.#advance();
    this.#work();
  }

  /** The newest access: an old one may have expired while this waited. */
  #store(): ObjectStore {
    if (!this.#destination)
      throw new LeewardError("StorageUnavailable", "there is no access to the cache yet");
    return this.#destination.store;
  }

  /** Storage may be away for any time; only what says that this spool is not the one ends the tries. */
  async #untilDone(act: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await act();
        this.#events.trouble(undefined);
        return;
      } catch (error) {
        if (!(error instanceof LeewardError) || hasCode(error, "SpoolDamaged")) throw error;
        this.#events.trouble(error);
        await this.#clock.sleep(retryDelay(tries), this.#stop.signal);
      }
    }
  }

  /** Moves the mark over all that is uploaded from the front on. The mark is on disk before the files go. */
  async #advance(): Promise<void> {
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
      this.#events.cached(this.#position, this.#uploaded, sealed.size);
      await this.#files.removeAsync(segmentFile(this.#directory, log.ordinal));
    }
  }

  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    const known =
      error instanceof LeewardError ? error : new LeewardError("SpoolDamaged", String(error), error);
    this.#events.broken(known);
  }
}
