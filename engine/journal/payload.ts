import { DIGEST_BYTES, digestOf } from "../core/digest.ts";
import { type BarrierId, barrierId } from "../core/ids.ts";
import { bytes, diskIndex, millis } from "../core/units.ts";
import { type Field, getBytes, getNumber, putBytes, putNumber, sizeOf } from "./field.ts";
import type { BarrierRecord, Consistency, DigestsRecord, DiskRoot, ProofRecord } from "./record.ts";

/** Payload of a barrier record. */
export const BARRIER = {
  id: { at: 0, size: 16 },
  consistency: { at: 16, size: 1 },
  reserved: { at: 17, size: 3 },
  spread: { at: 20, size: 4 },
} as const;

/** Beginning of a digests record's payload; then come `count` block numbers of 4 bytes, then `count` digests. */
export const DIGESTS = {
  barrier: { at: 0, size: 16 },
  count: { at: 16, size: 4 },
  reserved: { at: 20, size: 4 },
} as const;

/** Beginning of a proof record's payload; then come `count` roots. */
export const PROOF = {
  barrier: { at: 0, size: 16 },
  count: { at: 16, size: 4 },
  reserved: { at: 20, size: 4 },
} as const;

/** One disk in a proof. */
export const ROOT = {
  disk: { at: 0, size: 1 },
  reserved: { at: 1, size: 7 },
  size: { at: 8, size: 8 },
  root: { at: 16, size: 32 },
} as const;

const BARRIER_BYTES = sizeOf(BARRIER);
const DIGESTS_BYTES = sizeOf(DIGESTS);
const PROOF_BYTES = sizeOf(PROOF);
const ROOT_BYTES = sizeOf(ROOT);
const BLOCK_NUMBER_BYTES = 4;

export const CONSISTENCIES = { crash: 1, application: 2 } as const satisfies Record<Consistency, number>;

export type MarkRecord = BarrierRecord | DigestsRecord | ProofRecord;

export function payloadLength(record: MarkRecord): number {
  switch (record.kind) {
    case "barrier":
      return BARRIER_BYTES;
    case "digests":
      return DIGESTS_BYTES + record.blocks.length * (BLOCK_NUMBER_BYTES + DIGEST_BYTES);
    case "proof":
      return PROOF_BYTES + record.roots.length * ROOT_BYTES;
  }
}

/** Fills `to`, which is zeroed and exactly `payloadLength` long. */
export function writePayload(record: MarkRecord, to: Buffer): void {
  switch (record.kind) {
    case "barrier":
      putId(to, BARRIER.id, record.id);
      putNumber(to, 0, BARRIER.consistency, CONSISTENCIES[record.consistency]);
      putNumber(to, 0, BARRIER.spread, record.spread ?? 0);
      return;
    case "digests":
      putId(to, DIGESTS.barrier, record.barrier);
      putNumber(to, 0, DIGESTS.count, record.blocks.length);
      record.blocks.forEach((block, i) => to.writeUInt32LE(block, DIGESTS_BYTES + i * BLOCK_NUMBER_BYTES));
      to.set(record.digests, DIGESTS_BYTES + record.blocks.length * BLOCK_NUMBER_BYTES);
      return;
    case "proof":
      putId(to, PROOF.barrier, record.barrier);
      putNumber(to, 0, PROOF.count, record.roots.length);
      record.roots.forEach((root, i) => writeRoot(root, to, PROOF_BYTES + i * ROOT_BYTES));
  }
}

function writeRoot({ disk, size, root }: DiskRoot, to: Buffer, base: number): void {
  putNumber(to, base, ROOT.disk, disk);
  putNumber(to, base, ROOT.size, size);
  putBytes(to, base, ROOT.root, Buffer.from(root, "hex"));
}

/**
 * @param spreads whether it may say how far its disks are apart
 * @throws RangeError when the bytes are not a barrier's payload; so do the other two for theirs.
 */
export function readBarrier(
  from: Buffer,
  spreads: boolean,
): Pick<BarrierRecord, "id" | "consistency" | "spread"> {
  checkLength(from, BARRIER_BYTES);
  checkZero(from, 0, BARRIER.reserved);
  if (!spreads) checkZero(from, 0, BARRIER.spread);
  const spread = getNumber(from, 0, BARRIER.spread);
  return {
    id: getId(from, BARRIER.id),
    consistency: readConsistency(getNumber(from, 0, BARRIER.consistency)),
    ...(spread > 0 && { spread: millis(spread) }),
  };
}

function readConsistency(code: number): Consistency {
  if (code === CONSISTENCIES.crash) return "crash";
  if (code === CONSISTENCIES.application) return "application";
  throw new RangeError(`not a consistency: ${code}`);
}

export function readDigests(from: Buffer): Pick<DigestsRecord, "barrier" | "blocks" | "digests"> {
  const count = readCount(from, DIGESTS, DIGESTS_BYTES, BLOCK_NUMBER_BYTES + DIGEST_BYTES);
  const blocks = Uint32Array.from({ length: count }, (_, i) =>
    from.readUInt32LE(DIGESTS_BYTES + i * BLOCK_NUMBER_BYTES),
  );
  const digests = from.subarray(DIGESTS_BYTES + count * BLOCK_NUMBER_BYTES);
  return { barrier: getId(from, DIGESTS.barrier), blocks, digests };
}

export function readProof(from: Buffer): Pick<ProofRecord, "barrier" | "roots"> {
  const count = readCount(from, PROOF, PROOF_BYTES, ROOT_BYTES);
  const roots = Array.from({ length: count }, (_, i) => readRoot(from, PROOF_BYTES + i * ROOT_BYTES));
  return { barrier: getId(from, PROOF.barrier), roots };
}

function readRoot(from: Buffer, base: number): DiskRoot {
  checkZero(from, base, ROOT.reserved);
  return {
    disk: diskIndex(getNumber(from, base, ROOT.disk)),
    size: bytes(getNumber(from, base, ROOT.size)),
    root: digestOf(getBytes(from, base, ROOT.root).toString("hex")),
  };
}

function readCount(from: Buffer, head: typeof DIGESTS, headBytes: number, each: number): number {
  checkZero(from, 0, head.reserved);
  const count = getNumber(from, 0, head.count);
  checkLength(from, headBytes + count * each);
  return count;
}

function checkLength(from: Buffer, wanted: number): void {
  if (from.length !== wanted) throw new RangeError(`a payload of ${from.length} bytes, not ${wanted}`);
}

function checkZero(from: Buffer, base: number, field: Field): void {
  if (getBytes(from, base, field).some((byte) => byte !== 0)) throw new RangeError("reserved bytes in use");
}

export const putId = (to: Buffer, field: Field, id: BarrierId) =>
  putBytes(to, 0, field, Buffer.from(id.replaceAll("-", ""), "hex"));

export function getId(from: Buffer, field: Field): BarrierId {
  const hex = getBytes(from, 0, field).toString("hex");
  return barrierId(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"));
}
