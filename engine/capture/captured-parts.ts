import { hash } from "node:crypto";
import { DIGEST_BYTES, type Digest, NO_DIGEST, digestOf } from "../core/digest.ts";
import { LeewardError } from "../core/errors.ts";
import type { BarrierId, MachineId } from "../core/ids.ts";
import { BLOCK, type Bytes, type Generation, bytes, micros, ordinal, sequence } from "../core/units.ts";
import { NODE_BLOCKS, blockCount, nodeOver, rootOver, zeroDigests } from "../journal/digest-tree.ts";
import type { DataKey } from "../journal/key.ts";
import { capturedName } from "../journal/names.ts";
import { openSegment } from "../journal/open.ts";
import { sealSegment } from "../journal/seal.ts";
import { checkSegment } from "../journal/segment.ts";
import type { SizedDisk } from "../replication/blocks.ts";
import type { ObjectStore } from "../storage/store.ts";

/** Blocks in a part, 4 GiB of disk: 2 MiB of digests, and one node of the tree's second level. */
const PART_BLOCKS = NODE_BLOCKS * NODE_BLOCKS;

/** A part of one disk: blocks [first, end). */
export interface DiskPart {
  readonly disk: SizedDisk;
  readonly part: number;
  readonly first: number;
  readonly end: number;
}

/** All parts of all disks, in order. */
export const partsOf = (disks: readonly SizedDisk[]): DiskPart[] =>
  disks.flatMap((disk) => {
    const count = blockCount(disk.size);
    return Array.from({ length: Math.ceil(count / PART_BLOCKS) }, (_, part) => ({
      disk,
      part,
      first: part * PART_BLOCKS,
      end: Math.min((part + 1) * PART_BLOCKS, count),
    }));
  });

/** Where in the disk the part ends. */
export const endOf = ({ disk, end }: DiskPart): Bytes => bytes(Math.min(end * BLOCK, disk.size));

/** Digests of the part if it holds nothing but zeros. */
export const zerosOf = (part: DiskPart): Uint8Array => zeroDigests(bytes(endOf(part) - part.first * BLOCK));

/**
 * The part's node in its disk's digest tree: of a disk of one part the top of the tree.
 * @param digests of all of its blocks
 */
export function topOf({ disk }: DiskPart, digests: Uint8Array): Digest {
  const width = NODE_BLOCKS * DIGEST_BYTES;
  const nodes: Uint8Array[] = [];
  for (let at = 0; at < digests.length; at += width)
    nodes.push(nodeOver(disk.size, digests.subarray(at, at + width)));
  const [only] = nodes;
  const single = blockCount(disk.size) <= PART_BLOCKS && nodes.length === 1 && only;
  return digestOf(Buffer.from(single || hash("sha256", Buffer.concat(nodes), "buffer")).toString("hex"));
}

/** The disk's root. @param tops of its parts, in order */
export const rootOfParts = (disk: SizedDisk, tops: readonly Digest[]): Digest =>
  rootOver(disk.size, Buffer.from(tops.join(""), "hex"));

export interface PartStore {
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
  readonly generation: Generation;
}

/** Keeps the digests of a part as of an image, sealed as segments are: they tell nobody else anything. May run twice. */
export async function putPart(
  { objects, key, machine, generation }: PartStore,
  part: DiskPart,
  { number, barrier }: { readonly number: number; readonly barrier: BarrierId },
  digests: Uint8Array,
): Promise<void> {
  const { disk, first } = part;
  const changes = differences(part, zerosOf(part), digests);
  const from = sequence(0);
  const record = { kind: "digests" as const, sequence: from, time: micros(0), barrier, disk: disk.index };
  const sealed = await sealSegment({
    machine,
    generation,
    ordinal: ordinal(part.part),
    previous: NO_DIGEST,
    from,
    records: changes ? [{ ...record, ...changes }] : [],
    key,
  });
  const name = capturedName(machine, generation, disk.index, first / PART_BLOCKS, number);
  await objects.put(name, sealed.bytes, "any");
}

/**
 * The digests of a part as of an image.
 * @throws ImageLost when they are gone, or are not what the state says
 */
export async function readPart(
  { objects, key, machine, generation }: PartStore,
  part: DiskPart,
  { image, top }: { readonly image: number; readonly top: Digest },
): Promise<Uint8Array> {
  const name = capturedName(machine, generation, part.disk.index, part.part, image);
  const object = await objects.get(name, "unchecked");
  if (!object) throw new LeewardError("ImageLost", `${name}, what is known of the last image, is gone`);
  const digests = zerosOf(part);
  for (const record of await openSegment(checkSegment(object.body), key))
    if (record.kind === "digests" && record.disk === part.disk.index)
      record.blocks.forEach((block, i) =>
        digests.set(
          record.digests.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES),
          (block - part.first) * DIGEST_BYTES,
        ),
      );
  if (topOf(part, digests) === top) return digests;
  throw new LeewardError("ImageLost", `${name} is not what was known of the last image`);
}

/** Blocks whose digests differ, with the later ones; undefined when there are none. */
export function differences(
  { first }: DiskPart,
  before: Uint8Array,
  after: Uint8Array,
): { readonly blocks: Uint32Array; readonly digests: Uint8Array } | undefined {
  const blocks: number[] = [];
  const digests: Uint8Array[] = [];
  for (let at = 0; at < after.length; at += DIGEST_BYTES) {
    const digest = after.subarray(at, at + DIGEST_BYTES);
    if (Buffer.compare(digest, before.subarray(at, at + DIGEST_BYTES)) === 0) continue;
    blocks.push(first + at / DIGEST_BYTES);
    digests.push(digest);
  }
  return blocks.length === 0
    ? undefined
    : { blocks: Uint32Array.from(blocks), digests: Buffer.concat(digests) };
}
