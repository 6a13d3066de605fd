import { LeewardError, hasCode } from "../core/errors.ts";
import type { DataKey } from "../journal/key.ts";
import type { LayerSpan } from "../journal/layer-header.ts";
import type { Layer } from "../journal/layer-document.ts";
import { checkLayerPart, openLayerPart } from "../journal/layer.ts";
import type { JournalRecord } from "../journal/record.ts";
import { sameRecord } from "../journal/same-record.ts";
import { sealLayerPart } from "../journal/seal-layer.ts";
import type { ObjectStore } from "../storage/store.ts";
import { rereading } from "./reread.ts";

export interface PartOnce {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly name: string;
  readonly span: LayerSpan;
  readonly part: number;
  readonly last: boolean;
  readonly records: readonly JournalRecord[];
}

/**
 * Puts a part under a name that others may put the same under: a second compactor, or one that died. Whichever is there
 * first stays, and is read back.
 * @returns what is stored
 * @throws LayerDamaged when what is there does not hold these records; KeyWrong
 */
export async function putPartOnce(s: PartOnce): Promise<Layer["parts"][number]> {
  const { objects, key, name, span, part, last, records } = s;
  const sealed = await sealLayerPart({ span, part, last, records, key });
  try {
    await objects.put(name, sealed.bytes, "absent");
  } catch (error) {
    if (!hasCode(error, "ObjectExists")) throw error;
  }
  return rereading(async () => {
    const object = await objects.get(name, "unchecked");
    if (!object) throw new LeewardError("LayerDamaged", `${name} does not read as it was put`);
    const found = checkLayerPart(object.body);
    const same = found.digest === sealed.digest || (await holds(s, found));
    if (!same) throw new LeewardError("LayerDamaged", `${name} holds something else than what was to be put`);
    return { size: object.size, digest: found.digest, marks: found.header.marks };
  });
}

/** Two sealings of the same records differ in their nonces. */
async function holds(
  { key, part, last, span, records }: PartOnce,
  found: ReturnType<typeof checkLayerPart>,
): Promise<boolean> {
  const { header } = found;
  if (header.build !== span.build || header.part !== part || header.last !== last) return false;
  const others = await openLayerPart(found, key);
  return others.length === records.length && records.every((record, i) => sameRecord(record, others[i]));
}
