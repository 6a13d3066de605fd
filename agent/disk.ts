import {
  type Stats,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  writevSync,
} from "node:fs";
import { promisify } from "node:util";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { type Bytes, MIB, SECTOR, bytes } from "../engine/core/units.ts";
import { ZEROS, isZero } from "./zero.ts";

const sync = promisify(fdatasync);

/**
 * The protected disk itself: a raw file or a block device. Calls are synchronous, so that their order is the order of
 * the journal; they end in the page cache. @throws DiskUnreadable from every method.
 */
export class Disk {
  readonly path: string;
  readonly size: Bytes;
  readonly #file: number;

  /** The size stays what it is now. */
  constructor(path: string) {
    this.path = path;
    this.#file = this.#try("open", () => openSync(path, constants.O_RDWR));
    this.size = this.#try("size", () => sizeOf(this.#file));
    if (this.size === 0 || this.size % SECTOR !== 0)
      throw this.#failed("size", `${this.size} is not a whole number of sectors, at least one`);
  }

  /** For another process that reads the same disk. */
  get file(): DiskFile {
    return { path: this.path, identity: identityOf(fstatSync(this.#file)) };
  }

  /** Milliseconds since 1970 when the content last changed; says nothing for a block device. */
  get changed(): number {
    return fstatSync(this.#file).mtimeMs;
  }

  read(offset: Bytes, into: Uint8Array): void {
    this.#try("read", () => {
      for (let done = 0; done < into.length;) {
        const n = readSync(this.#file, into, done, into.length - done, offset + done);
        if (n === 0) throw new Error(`ends at ${offset + done}`);
        done += n;
      }
    });
  }

  /** Writes the parts one behind the other. */
  write(offset: Bytes, length: Bytes, parts: readonly Uint8Array[]): void {
    const written = this.#try("write", () => writevSync(this.#file, parts, offset));
    if (written !== length) throw this.#failed("write", `${written} of ${length} bytes at ${offset}`);
  }

  /** Writes only where something else than zero is, so a sparse file stays sparse. */
  zero(offset: Bytes, length: Bytes): void {
    const now = Buffer.allocUnsafe(Math.min(MIB, length));
    for (let done = 0; done < length; done += MIB) {
      const part = now.subarray(0, Math.min(MIB, length - done));
      this.read(bytes(offset + done), part);
      if (!isZero(part))
        this.write(bytes(offset + done), bytes(part.length), [ZEROS.subarray(0, part.length)]);
    }
  }

  /** Resolves when all that was written is durable. */
  async flush(): Promise<void> {
    await sync(this.#file).catch((error: unknown) => {
      throw this.#failed("flush", messageOf(error));
    });
  }

  close(): void {
    closeSync(this.#file);
  }

  #try<T>(what: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.#failed(what, messageOf(error));
    }
  }

  #failed(what: string, why: string): LeewardError {
    return new LeewardError("DiskUnreadable", `${what} of ${this.path}: ${why}`);
  }
}

/** Where a disk is, and which it is: a path may come to mean another file. */
export interface DiskFile {
  readonly path: string;
  readonly identity: string;
}

export const identityOf = (stat: Stats): string =>
  stat.isBlockDevice() ? `device ${stat.rdev}` : `file ${stat.ino} on ${stat.dev}`;

/** A block device tells its size only to the kernel, in sectors of 512 bytes. */
function sizeOf(file: number): Bytes {
  const stat = fstatSync(file);
  if (stat.isFile()) return bytes(stat.size);
  if (!stat.isBlockDevice()) throw new Error("neither a file nor a block device");
  const major = (stat.rdev >> 8) & 0xfff;
  const minor = (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00);
  return bytes(SECTOR * Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, "utf8")));
}
