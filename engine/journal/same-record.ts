import type { DiskRoot, JournalRecord } from "./record.ts";

/** Whether two records say the same, byte for byte. */
export function sameRecord(a: JournalRecord, b: JournalRecord | undefined): boolean {
  if (a.sequence !== b?.sequence || a.time !== b.time || isCopied(a) !== isCopied(b)) return false;
  switch (a.kind) {
    case "data":
      return b.kind === "data" && a.disk === b.disk && a.offset === b.offset && sameBytes(a.data, b.data);
    case "zero":
      return b.kind === "zero" && a.disk === b.disk && a.offset === b.offset && a.length === b.length;
    case "barrier":
      return (
        b.kind === "barrier" && a.id === b.id && a.consistency === b.consistency && a.spread === b.spread
      );
    case "digests":
      return (
        b.kind === "digests" &&
        a.barrier === b.barrier &&
        a.disk === b.disk &&
        sameBytes(bytesOf(a.blocks), bytesOf(b.blocks)) &&
        sameBytes(a.digests, b.digests)
      );
    case "proof":
      return (
        b.kind === "proof" &&
        a.barrier === b.barrier &&
        a.roots.length === b.roots.length &&
        a.roots.every((root, i) => sameRoot(root, b.roots[i]))
      );
  }
}

const isCopied = (record: JournalRecord): boolean => "copied" in record && record.copied === true;

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const bytesOf = (numbers: Uint32Array): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

const sameRoot = (a: DiskRoot, b: DiskRoot | undefined): boolean =>
  a.disk === b?.disk && a.size === b.size && a.root === b.root;
