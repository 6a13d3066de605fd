import type { Clock } from "../engine/core/clock.ts";
import { type Bytes, type DiskIndex, type Micros, bytes, sequence } from "../engine/core/units.ts";
import type { MarkRecord } from "../engine/journal/payload.ts";
import type { DiskDigests } from "./digests.ts";
import type { DiskWrite } from "./nbd/export.ts";
import { FRAME_BYTES, encodeMark, writeFrame } from "./log.ts";
import type { References } from "./references.ts";
import type { Spool } from "./spool.ts";

/** What is no write of the guest's own. */
interface Origin {
  /** Of what is recorded as of one instant: nothing else may be in its log. */
  readonly mergedAt?: Micros;
  /** A comparison found it to differ. */
  readonly copied?: true;
}

/**
 * Gives every change its place in the machine's one order and appends it to the spool. All calls are synchronous and
 * come before the disk changes.
 */
export class Recorder {
  readonly #spool: Spool;
  readonly #references: References;
  readonly #digests: readonly DiskDigests[];
  readonly #clock: Clock;
  readonly #written: { bytes: number; writes: number }[];
  #headers = Buffer.allocUnsafeSlow(64 * FRAME_BYTES);

  /** @param digests of each disk, in index order */
  constructor(spool: Spool, references: References, digests: readonly DiskDigests[], clock: Clock) {
    this.#spool = spool;
    this.#references = references;
    this.#digests = digests;
    this.#clock = clock;
    this.#written = digests.map(() => ({ bytes: 0, writes: 0 }));
  }

  /** Guest bytes and writes of each disk, in index order, since this recorder began. */
  get written(): readonly { readonly bytes: number; readonly writes: number }[] {
    return this.#written;
  }

  /** @throws SpoolFull, SpoolDamaged, DiskUnreadable */
  write(disk: DiskIndex, writes: readonly DiskWrite[]): void {
    const time = this.#clock.now();
    const headers = this.#room(writes.length);
    const parts: Uint8Array[] = [];
    let at: number = this.#spool.end.sequence;
    let payload = 0;
    for (const [n, { offset, length, parts: data }] of writes.entries()) {
      this.#digests[disk]?.change(offset, length);
      writeFrame(headers, n * FRAME_BYTES, { kind: "data", disk, sequence: ++at, time, offset, length });
      parts.push(headers.subarray(n * FRAME_BYTES, (n + 1) * FRAME_BYTES), ...data);
      payload += length;
    }
    const size = payload + writes.length * FRAME_BYTES;
    this.#spool.append({ parts, size, payload, sequence: sequence(at), time }, time);
    this.#count(disk, payload, writes.length);
  }

  /**
   * As `write`, but only what the disk will hold when the caller is done, or holds already, is said to have been
   * written. Until then nobody else may change these ranges, which must not overlap. @throws as `write`
   */
  refer(
    disk: DiskIndex,
    ranges: readonly Pick<DiskWrite, "offset" | "length">[],
    { mergedAt, copied }: Origin = {},
  ): void {
    const time = mergedAt ?? this.#clock.now();
    const { sequence: last } = this.#spool.end;
    const size = ranges.length * FRAME_BYTES;
    const frames = this.#room(ranges.length).subarray(0, size);
    const records = ranges.map(({ offset, length }, n) => {
      const record = {
        kind: "reference",
        disk,
        sequence: sequence(last + n + 1),
        time,
        offset,
        length,
        merged: mergedAt !== undefined,
        ...(copied && { copied }),
      } as const;
      this.#digests[disk]?.change(offset, length);
      writeFrame(frames, n * FRAME_BYTES, record);
      return record;
    });
    const payload = records.reduce((sum, { length }) => sum + length, 0);
    const at = sequence(last + ranges.length);
    const copies = copied ? records.length : 0;
    const batch = { parts: [frames], size, payload, referenced: payload, copies, sequence: at, time };
    this.#spool.append(batch, time);
    for (const record of records) this.#references.add(this.#spool.ordinal, record);
    if (!copied) this.#count(disk, payload, records.length);
  }

  /** @throws as `write` */
  zero(disk: DiskIndex, offset: Bytes, length: Bytes, { copied }: Pick<Origin, "copied"> = {}): void {
    const time = this.#clock.now();
    const at = sequence(this.#spool.end.sequence + 1);
    this.#digests[disk]?.change(offset, length);
    const header = this.#room(1).subarray(0, FRAME_BYTES);
    writeFrame(header, 0, { kind: "zero", disk, sequence: at, time, offset, length, copied });
    const copies = copied ? 1 : 0;
    this.#spool.append({ parts: [header], size: FRAME_BYTES, payload: 0, copies, sequence: at, time }, time);
    if (!copied) this.#count(disk, 0, 1);
  }

  /** Marks stand behind the newest write and take no place of their own. @throws SpoolFull, SpoolDamaged */
  mark(record: MarkRecord): void {
    const frame = encodeMark(record);
    const { sequence: at } = this.#spool.end;
    this.#spool.append({ parts: [frame], size: frame.length, payload: 0, sequence: at }, record.time);
  }

  /** Where a mark made now would stand. */
  here(): Pick<MarkRecord, "sequence" | "time"> {
    return { sequence: this.#spool.end.sequence, time: this.#clock.now() };
  }

  #count(disk: DiskIndex, payload: number, writes: number): void {
    const written = this.#written[disk];
    if (!written) return;
    written.bytes += payload;
    written.writes += writes;
  }

  #room(frames: number): Buffer {
    if (this.#headers.length < frames * FRAME_BYTES)
      this.#headers = Buffer.allocUnsafeSlow(bytes(2 * frames * FRAME_BYTES));
    return this.#headers;
  }
}
