import { sizeOf } from "./field.ts";

/** One record in a segment's index. */
export const ENTRY = {
  kind: { at: 0, size: 1 },
  disk: { at: 1, size: 1 },
  origin: { at: 2, size: 1 },
  reserved: { at: 3, size: 1 },
  sequenceDelta: { at: 4, size: 4 },
  time: { at: 8, size: 8 },
  offset: { at: 16, size: 8 },
  length: { at: 24, size: 8 },
} as const;
export const ENTRY_BYTES = sizeOf(ENTRY);

/** Of a write: the guest's, or what a comparison found to differ and copied. */
export const ORIGINS = { guest: 0, copy: 1 } as const;

export const KINDS = { data: 1, zero: 2, barrier: 3, digests: 4, proof: 5 } as const;
