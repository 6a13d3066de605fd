import { DIGEST_BYTES, type Digest } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import { type DiskIndex, type Generation, micros, ordinal, sequence } from "../core/units.ts";
import type { DataKey } from "../journal/key.ts";
import { openSegment } from "../journal/open.ts";
import { sealSegment } from "../journal/seal.ts";
import { checkSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";

/** Digests in one object: 4 GiB of disk in blocks; 2.3 MB. */
export const PART = 65_536;

/** What binds the objects to each other, and to what they are of. */
export interface PartsPlace {
  readonly store: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Of what the digests are. */
  readonly previous: Digest;
  readonly barrier: BarrierId;
}

/** One object: digests [part * PART, …) of a disk. */
interface PlacedPart {
  readonly name: string;
  readonly disk: DiskIndex;
  readonly part: number;
}

export const at = (digests: Uint8Array, n: number): Uint8Array =>
  digests.subarray(n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES);

/** Numbers of those that are not what is taken for granted. */
export function differingAt(digests: Uint8Array, zeros: Uint8Array): number[] {
  const named: number[] = [];
  for (let n = 0; n * DIGEST_BYTES < digests.length; n++)
    if (Buffer.compare(at(digests, n), at(zeros, n)) !== 0) named.push(n);
  return named;
}

/** Sealed as a segment is, so that it tells nobody else anything. Only what differs from the zeros is named. */
export async function putPart(
  { store, key, machine, generation, previous, barrier }: PartsPlace,
  { name, disk, part }: PlacedPart,
  digests: Uint8Array,
  named: readonly number[],
): Promise<void> {
  const from = sequence(0);
  const record = {
    kind: "digests" as const,
    sequence: from,
    time: micros(0),
    barrier,
    disk,
    blocks: Uint32Array.from(named, (n) => part * PART + n),
    digests: Buffer.concat(named.map((n) => at(digests, n))),
  };
  const records = named.length === 0 ? [] : [record];
  const content = { machine, generation, ordinal: ordinal(part), previous, from, records, key };
  await store.put(name, (await sealSegment(content)).bytes, "any");
}

/**
 * What was put, over the zeros, which it changes.
 * @throws SegmentMissing, SegmentDamaged, ChainBroken, KeyWrong; storage errors
 */
export async function readPart(
  { store, key, machine, generation, previous, barrier }: PartsPlace,
  { name, disk, part }: PlacedPart,
  zeros: Uint8Array,
): Promise<Uint8Array> {
  const object = await store.get(name, "unchecked");
  if (!object) throw new LeewardError("SegmentMissing", `${name} is gone`);
  const segment = checkSegment(object.body);
  const { header } = segment;
  if (
    header.machine !== machine ||
    header.generation !== generation ||
    header.ordinal !== part ||
    header.previous !== previous
  )
    throw new LeewardError("ChainBroken", `${name} is of another comparison`);
  for (const record of await openSegment(segment, key))
    if (record.kind === "digests" && record.disk === disk && record.barrier === barrier)
      record.blocks.forEach((n, i) => zeros.set(at(record.digests, i), (n - part * PART) * DIGEST_BYTES));
  return zeros;
}
