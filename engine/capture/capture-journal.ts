import type { MachineId } from "../core/ids.ts";
import { LeewardError, hasCode } from "../core/errors.ts";
import { type Bytes, bytes } from "../core/units.ts";
import { bodyLength } from "../journal/body.ts";
import { follow } from "../journal/chain.ts";
import type { DataKey } from "../journal/key.ts";
import { segmentName } from "../journal/names.ts";
import { openSegment } from "../journal/open.ts";
import type { JournalPosition } from "../journal/position.ts";
import type { JournalRecord } from "../journal/record.ts";
import { sameRecord } from "../journal/same-record.ts";
import { sealSegment } from "../journal/seal.ts";
import { type CheckedSegment, checkSegment } from "../journal/segment.ts";
import { readOn } from "../replication/journal-reader.ts";
import { fetchPack } from "../replication/pack.ts";
import type { ObjectStore } from "../storage/store.ts";

interface JournalParts {
  /** Where segments are put. */
  readonly cache: ObjectStore;
  /** Where they are carried to, and leave the cache then. */
  readonly target: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
}

/**
 * Puts segments into the cache, one behind the other. A run that died may have put some of which nobody knows: who reads the
 * same image again gets the same records, and goes on behind them.
 */
export class CaptureJournal {
  readonly #s: JournalParts;
  readonly #behind: AsyncGenerator<CheckedSegment, undefined>;
  #known: CheckedSegment | undefined;
  #position: JournalPosition;
  /** Of segments, as stored. */
  uploaded: Bytes = bytes(0);

  private constructor(
    s: JournalParts,
    position: JournalPosition,
    behind: AsyncGenerator<CheckedSegment, undefined>,
  ) {
    this.#s = s;
    this.#position = position;
    this.#behind = behind;
  }

  /**
   * @param position behind the last segment that is known of
   * @param arrived how far the target has it
   * @throws ImageLost when what has arrived is not what was put
   */
  static async open(
    s: JournalParts,
    position: JournalPosition,
    arrived: JournalPosition,
  ): Promise<CaptureJournal> {
    if (arrived.next === position.next && arrived.chain !== position.chain)
      throw new LeewardError(
        "ImageLost",
        `another one writes the journal of ${s.machine}: it ends otherwise`,
      );
    const journal = new CaptureJournal(s, position, segmentsBehind(s, position, arrived));
    await journal.#look();
    return journal;
  }

  get position(): JournalPosition {
    return this.#position;
  }

  /** Whether there are segments behind the position already. */
  get isAhead(): boolean {
    return this.#known !== undefined;
  }

  /**
   * @param part the change goes on behind it
   * @throws ImageLost when there is another segment in its place already; storage errors
   */
  async put(records: readonly JournalRecord[], part: boolean): Promise<void> {
    const { generation, next, chain: previous, sequence: from } = this.#position;
    const { machine, key } = this.#s;
    if (this.#known) {
      await this.#adopt(this.#known, records, part);
      return this.#look();
    }
    const flags = part ? { indivisible: true, continues: true } : {};
    const sealed = await sealSegment({
      machine,
      generation,
      ordinal: next,
      previous,
      from,
      records,
      key,
      ...flags,
    });
    const name = segmentName(machine, generation, next);
    try {
      await this.#s.cache.put(name, sealed.bytes, "absent");
    } catch (error) {
      if (!hasCode(error, "ObjectExists")) throw error;
      const object = await this.#s.cache.get(name, "unchecked");
      // Another run put it, and it was carried on meanwhile: the next turn finds it in the target.
      if (!object) throw new LeewardError("ObjectChanged", `${name} was in the cache, and is gone`, error);
      return this.#adopt(checkSegment(object.body), records, part);
    }
    this.uploaded = bytes(this.uploaded + sealed.bytes.length);
    this.#position = follow(machine, this.#position, sealed);
  }

  async #look(): Promise<void> {
    const { value } = await this.#behind.next();
    this.#known = value;
  }

  async #adopt(segment: CheckedSegment, records: readonly JournalRecord[], part: boolean): Promise<void> {
    const found = await openSegment(segment, this.#s.key);
    const same =
      segment.header.continues === part &&
      found.length === records.length &&
      records.every((record, i) => sameRecord(record, found[i]));
    if (!same || segment.header.previous !== this.#position.chain)
      throw new LeewardError(
        "ImageLost",
        `segment ${segment.header.ordinal} of ${this.#s.machine} is there already, and is of another image`,
      );
    this.#position = follow(this.#s.machine, this.#position, segment);
  }
}

/** What there is behind the position, in the target first, then in the cache. */
async function* segmentsBehind(
  { cache, target, machine }: JournalParts,
  position: JournalPosition,
  arrived: JournalPosition,
): AsyncGenerator<CheckedSegment, undefined> {
  let at = position;
  if (arrived.next > position.next)
    for await (const { segment, after } of readOn({ objects: target, machine, from: position })) {
      yield segment;
      at = after;
    }
  for (;;) {
    const { generation, next: first } = at;
    const [segment] = (await fetchPack(cache, { machine, generation, first }))?.segments ?? [];
    if (!segment || segment.header.previous !== at.chain) return undefined;
    yield segment;
    at = follow(machine, at, segment);
  }
}

/** Collects records until they make a segment. */
export class Draft {
  #records: JournalRecord[] = [];
  #length = 0;

  add(record: JournalRecord): void {
    this.#records.push(record);
    this.#length += bodyLength([record]);
  }

  get length(): number {
    return this.#length;
  }

  get count(): number {
    return this.#records.length;
  }

  take(): readonly JournalRecord[] {
    const records = this.#records;
    this.#records = [];
    this.#length = 0;
    return records;
  }
}
