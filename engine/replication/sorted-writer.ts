import { DIGEST_BYTES } from "../core/digest.ts";
import type { BarrierId } from "../core/ids.ts";
import { type Bytes, type DiskIndex, type Micros, type Sequence, bytes, micros } from "../core/units.ts";
import type { DigestsRecord, JournalRecord, WriteRecord } from "../journal/record.ts";
import type { Run } from "./run.ts";

export interface SortedWriterRequest {
  /** Of all records: the last write of the layer, and the barrier that its digests are of. */
  readonly sequence: Sequence;
  readonly barrier: BarrierId;
  /** Of digests. */
  readonly time: Micros;
  /** A part is closed when it holds this much, before compression. */
  readonly partBytes: Bytes;
  readonly put: (kind: "writes" | "marks", records: readonly JournalRecord[]) => Promise<void>;
}

/** Two MiB of index. */
const MOST_RECORDS = 65_536;
const DIGEST = DIGEST_BYTES + 4;

/** Makes parts of what comes in the order of the disks: writes and digests in parts of their own. */
export class SortedWriter {
  readonly #s: SortedWriterRequest;
  #writes: WriteRecord[] = [];
  #bytes = 0;
  #marks = new Map<DiskIndex, { block: number; digest: Uint8Array }[]>();
  #marked = 0;
  #taken = 0;

  constructor(s: SortedWriterRequest) {
    this.#s = s;
  }

  /** What it was given since it was made: guest bytes, and those of digests. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a copy of the data, and gives the run back. */
  async put({ disk, offset, length, data, release }: Run): Promise<void> {
    const common = { sequence: this.#s.sequence, time: micros(0), disk, offset };
    const last = this.#writes.at(-1);
    if (data) this.#writes.push({ kind: "data", ...common, data: Buffer.from(data) });
    else if (last?.kind === "zero" && last.disk === disk && last.offset + last.length === offset)
      this.#writes.splice(-1, 1, { ...last, length: bytes(last.length + length) });
    else this.#writes.push({ kind: "zero", ...common, length });
    release?.();
    this.#bytes += data?.length ?? 0;
    this.#taken += data?.length ?? 0;
    if (this.#bytes >= this.#s.partBytes || this.#writes.length >= MOST_RECORDS) await this.#closeWrites();
  }

  async mark(disk: DiskIndex, block: number, digest: Uint8Array): Promise<void> {
    const marks = this.#marks.get(disk) ?? [];
    this.#marks.set(disk, marks);
    // A view would keep the part in memory that it came with.
    marks.push({ block, digest: Uint8Array.from(digest) });
    this.#marked += DIGEST;
    this.#taken += DIGEST;
    if (this.#marked >= Math.min(this.#s.partBytes, MOST_RECORDS * DIGEST)) await this.#closeMarks();
  }

  /** Closes what is open. */
  async close(): Promise<void> {
    if (this.#writes.length > 0) await this.#closeWrites();
    if (this.#marked > 0) await this.#closeMarks();
  }

  async #closeWrites(): Promise<void> {
    const records = this.#writes;
    this.#writes = [];
    this.#bytes = 0;
    await this.#s.put("writes", records);
  }

  async #closeMarks(): Promise<void> {
    const records = [...this.#marks].map(([disk, marks]) => this.#record(disk, marks));
    this.#marks = new Map();
    this.#marked = 0;
    await this.#s.put("marks", records);
  }

  #record(disk: DiskIndex, marks: readonly { block: number; digest: Uint8Array }[]): DigestsRecord {
    const { sequence, barrier, time } = this.#s;
    const digests = Buffer.concat(marks.map(({ digest }) => digest));
    const blocks = Uint32Array.from(marks.map(({ block }) => block));
    return { kind: "digests", sequence, time, barrier, disk, blocks, digests };
  }
}
