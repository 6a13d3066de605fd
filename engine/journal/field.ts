/** Where a field lies in its structure. Numbers are unsigned and little-endian. */
export interface Field {
  readonly at: number;
  readonly size: number;
}

/** A structure of fixed size: its fields back to back, in order. `docs/journal-format.md` is held to these tables. */
export type Layout = Readonly<Record<string, Field>>;

const TWO_32 = 2 ** 32;

export const sizeOf = (layout: Layout): number =>
  Object.values(layout).reduce((most, { at, size }) => Math.max(most, at + size), 0);

/** A field of 1, 2, 4 or 8 bytes of the structure at `base`. Above 2^53 inexact: the unit's own check refuses it. */
export function getNumber(from: Buffer, base: number, { at, size }: Field): number {
  const where = base + at;
  if (size === 8) return from.readUInt32LE(where) + from.readUInt32LE(where + 4) * TWO_32;
  return from.readUIntLE(where, size);
}

export function putNumber(to: Buffer, base: number, { at, size }: Field, value: number): void {
  const where = base + at;
  if (size !== 8) {
    to.writeUIntLE(value, where, size);
    return;
  }
  to.writeUInt32LE(value % TWO_32, where);
  to.writeUInt32LE(Math.floor(value / TWO_32), where + 4);
}

/** A view, not a copy. */
export const getBytes = (from: Buffer, base: number, { at, size }: Field): Buffer =>
  from.subarray(base + at, base + at + size);

/** @throws RangeError when the value does not fill the field exactly. */
export function putBytes(to: Buffer, base: number, { at, size }: Field, value: Uint8Array): void {
  if (value.length !== size) throw new RangeError(`${value.length} bytes for a field of ${size}`);
  to.set(value, base + at);
}
