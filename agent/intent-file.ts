import { join } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { barrierId } from "../engine/core/ids.ts";
import { checked } from "../engine/core/schema.ts";
import { SECTOR, bytes, generation, sequence } from "../engine/core/units.ts";
import type { Bitmap } from "./bitmap.ts";
import type { Files, OpenFile } from "./files.ts";

const size = z.number().transform(checked(bytes));
const header = z.object({
  format: z.literal(1),
  /** Grows with each header. */
  serial: z.number().int().nonnegative(),
  /** Which boot of the machine wrote it. */
  boot: z.string(),
  /** The one in which marks are made. */
  generation: z.number().transform(checked(generation)),
  /**
   * What changed since this point is marked; nothing is known while it is absent. `sequence`: where it is in the generation;
   * absent from the point that the generation stands on.
   */
  anchor: z
    .object({
      id: z.string().transform(checked(barrierId)),
      sequence: z.number().transform(checked(sequence)).optional(),
    })
    .optional(),
  /** In index order. */
  disks: z.array(z.object({ size, region: size })),
  /** Present after an orderly end: when each disk last changed. */
  changed: z.array(z.number()).optional(),
});
export type IntentHeader = z.infer<typeof header>;

/** Two headers in turns: one that a crash tore leaves the other. */
const SLOT = 4096;
const SLOTS = 2;
/** In a slot: a checksum of the rest, and how long it is. */
const SLOT_HEAD = 8;
/**
 * In a sector of bits: a checksum of the rest, and the serial of the header that it was written under. A medium writes a sector
 * as a whole or not at all.
 */
const SECTOR_HEAD = 8;
const BITS = (SECTOR - SECTOR_HEAD) * 8;

const pathIn = (directory: string) => join(directory, "intent");

/** How many regions of this size a disk has. */
export const regionsOf = ({ size: all, region }: { size: number; region: number }): number =>
  Math.ceil(all / region);

/** Which regions of the disks are marked, on stable storage. Every write is there when its call returns. */
export class IntentFile {
  readonly #file: OpenFile;
  readonly #disks: readonly { readonly bits: Uint8Array; readonly at: number }[];
  #header: IntentHeader;
  readonly #sector = Buffer.alloc(SECTOR);

  private constructor(file: OpenFile, made: IntentHeader, marks: readonly Bitmap[]) {
    this.#file = file;
    this.#header = made;
    const places = placesOf(made);
    this.#disks = marks.map(({ content: bits }, n) => ({ bits, at: places[n] ?? 0 }));
  }

  /**
   * Replaces what is there, so that a crash leaves the old or the new one.
   * @param marks of each disk; they are read with each write
   * @throws the file system's error
   */
  static make(
    files: Files,
    directory: string,
    s: Omit<IntentHeader, "format" | "serial">,
    marks: readonly Bitmap[],
  ): IntentFile {
    const made: IntentHeader = { ...s, format: 1, serial: 1 };
    const draft = `${pathIn(directory)}.tmp`;
    files.remove(draft);
    files.write(draft, "", "new");
    const file = files.open(draft, "update");
    const written = new IntentFile(file, made, marks);
    written.#writeHeader();
    for (const [n, { bound }] of marks.entries()) written.write(n, 0, bound);
    file.close();
    files.sync(draft);
    files.rename(draft, pathIn(directory));
    files.sync(directory);
    return new IntentFile(files.open(pathIn(directory), "durable"), made, marks);
  }

  /**
   * Reads the marks into these sets.
   * @param marksFor empty sets, one for each disk
   * @returns undefined when there is no file
   * @throws Error, saying what is wrong with it
   */
  static open(
    files: Files,
    directory: string,
    marksFor: (found: IntentHeader) => readonly Bitmap[],
  ): IntentFile | undefined {
    if (!files.exists(pathIn(directory))) return undefined;
    const content = files.read(pathIn(directory));
    const found = newestHeader(content);
    const marks = marksFor(found);
    for (const [n, at] of placesOf(found).entries()) readBits(content, at, found, marks[n]);
    return new IntentFile(files.open(pathIn(directory), "durable"), found, marks);
  }

  /** @throws the file system's error */
  static remove(files: Files, directory: string): void {
    files.remove(pathIn(directory));
    files.sync(directory);
  }

  get header(): IntentHeader {
    return this.#header;
  }

  /** @throws the file system's error */
  setHeader(next: Omit<IntentHeader, "format" | "serial" | "disks">): void {
    const { serial, disks } = this.#header;
    this.#header = { ...next, format: 1, serial: serial + 1, disks };
    this.#writeHeader();
  }

  /** Writes the marks of regions [first, end) of a disk, and of some around them. @throws the file system's error */
  write(disk: number, first: number, end: number): void {
    const place = this.#disks[disk];
    if (!place) throw new RangeError(`there is no disk ${disk}`);
    for (let n = Math.floor(first / BITS); n * BITS < end; n++) {
      this.#sector.fill(0);
      this.#sector.set(place.bits.subarray((n * BITS) / 8, ((n + 1) * BITS) / 8), SECTOR_HEAD);
      this.#sector.writeUInt32LE(this.#header.serial, 4);
      this.#sector.writeUInt32LE(crc32(this.#sector.subarray(4)), 0);
      this.#put(this.#sector, place.at + n * SECTOR);
    }
  }

  close(): void {
    this.#file.close();
  }

  #writeHeader(): void {
    const text = Buffer.from(JSON.stringify(this.#header));
    if (text.length > SLOT - SLOT_HEAD) throw new RangeError(`a header of ${text.length} bytes`);
    const slot = Buffer.alloc(SLOT);
    slot.writeUInt32LE(text.length, 4);
    slot.set(text, SLOT_HEAD);
    slot.writeUInt32LE(crc32(slot.subarray(4)), 0);
    this.#put(slot, (this.#header.serial % SLOTS) * SLOT);
  }

  #put(data: Buffer, at: number): void {
    const written = this.#file.write([data], at);
    if (written !== data.length) throw new Error(`${written} of ${data.length} bytes of marks were written`);
  }
}

/** Where each disk's bits begin. */
function placesOf({ disks }: Pick<IntentHeader, "disks">): number[] {
  let at = SLOTS * SLOT;
  return disks.map((disk) => {
    const here = at;
    at += Math.ceil(regionsOf(disk) / BITS) * SECTOR;
    return here;
  });
}

function newestHeader(content: Buffer): IntentHeader {
  const found = [0, 1].flatMap((n) => readHeader(content.subarray(n * SLOT, (n + 1) * SLOT)));
  const newest = found.toSorted((a, b) => a.serial - b.serial).at(-1);
  if (!newest) throw new Error("it has no sound header");
  return newest;
}

function readHeader(slot: Buffer): IntentHeader[] {
  if (slot.length < SLOT || slot.readUInt32LE(0) !== crc32(slot.subarray(4))) return [];
  const text = slot.subarray(SLOT_HEAD, SLOT_HEAD + slot.readUInt32LE(4)).toString("utf8");
  const parsed = header.safeParse(JSON.parse(text));
  return parsed.success ? [parsed.data] : [];
}

/** A sector that is newer than the header was perhaps cleared for a header that was lost. */
function readBits(content: Buffer, from: number, { serial }: IntentHeader, into: Bitmap | undefined): void {
  if (!into) throw new Error("it is of other disks");
  for (let done = 0; done * BITS < into.bound; done++) {
    const sector = content.subarray(from + done * SECTOR, from + (done + 1) * SECTOR);
    const sound = sector.length === SECTOR && sector.readUInt32LE(0) === crc32(sector.subarray(4));
    if (!sound || sector.readUInt32LE(4) > serial) throw new Error(`its sector ${done} is damaged`);
    const room = into.content.subarray((done * BITS) / 8);
    into.content.set(sector.subarray(SECTOR_HEAD, SECTOR_HEAD + room.length), (done * BITS) / 8);
  }
  into.recount();
}
