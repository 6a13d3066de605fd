import { type Bytes, bytes, micros } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import type { LayerSpan } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import { checkLayerPart } from "../journal/layer.ts";
import { type LayerPlace, layerPartName } from "../journal/names.ts";
import type { JournalRecord } from "../journal/record.ts";
import { sealLayerPart } from "../journal/seal-layer.ts";
import type { ObjectStore } from "../storage/store.ts";
import { LeewardError } from "../core/errors.ts";
import { rereading } from "./reread.ts";
import type { Run } from "./run.ts";

export interface LayerTarget {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly place: LayerPlace;
  readonly span: LayerSpan;
  /** A part is closed when it holds this much, before compression. */
  readonly partBytes: Bytes;
}

/** Puts a layer's parts, one after the other, and reads each back before the next. */
export class LayerWriter {
  readonly parts: Layer["parts"] = [];
  readonly #target: LayerTarget;
  #records: JournalRecord[] = [];
  #bytes = 0;
  #dataBytes = 0;

  constructor(target: LayerTarget) {
    this.#target = target;
  }

  /** Guest bytes in all that was put. */
  get dataBytes(): Bytes {
    return bytes(this.#dataBytes);
  }

  async put({ disk, offset, length, data }: Run): Promise<void> {
    const common = { sequence: this.#target.span.to, time: micros(0), disk, offset };
    // A view would keep the whole body of its segment in memory.
    this.#records.push(
      data ? { kind: "data", ...common, data: Buffer.from(data) } : { kind: "zero", ...common, length },
    );
    this.#bytes += data?.length ?? 0;
    this.#dataBytes += data?.length ?? 0;
    if (this.#bytes >= this.#target.partBytes || this.#records.length >= MOST_RECORDS)
      await this.#close(false);
  }

  /** Marks lie in parts of their own, so that digests can be read without the data. */
  async finish(digests: Iterable<JournalRecord>, end: readonly JournalRecord[]): Promise<void> {
    if (this.#records.length > 0) await this.#close(false);
    for (const record of digests) {
      this.#records.push(record);
      await this.#close(false);
    }
    this.#records.push(...end);
    await this.#close(true);
  }

  async #close(last: boolean): Promise<void> {
    const { objects, key, place, span } = this.#target;
    const part = this.parts.length;
    const sealed = await sealLayerPart({ span, part, last, records: this.#records, key });
    const { digest, header } = sealed;
    const name = layerPartName(place, part);
    // The build's own name: only a repetition of this very call can have put it.
    await objects.put(name, sealed.bytes, "any");
    const size = await rereading(async () => {
      const found = await objects.get(name, "unchecked");
      if (found && checkLayerPart(found.body).digest === digest) return found.size;
      throw new LeewardError("LayerDamaged", `${name} does not read as it was put`);
    });
    this.parts.push({ size, digest, marks: header.marks });
    this.#records = [];
    this.#bytes = 0;
  }
}

/** Two MiB of index. */
const MOST_RECORDS = 65_536;
