import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { type Bytes, MIB, SECTOR, bytes } from "../engine/core/units.ts";
import type { Files, OpenFile } from "./files.ts";
import { ZEROS, isZero } from "./zero.ts";

/**
 * The protected disk itself: a raw file or a block device. Calls are synchronous, so that their order is the order of
 * the journal; they end in the page cache. @throws DiskUnreadable from every method.
 */
export class Disk {
  readonly path: string;
  readonly size: Bytes;
  readonly #file: OpenFile;

  /** The size stays what it is now. */
  constructor(files: Files, path: string) {
    this.path = path;
    this.#file = this.#try("open", () => files.open(path, "update"));
    this.size = this.#try("size", () => sizeOf(this.#file));
    if (this.size === 0 || this.size % SECTOR !== 0)
      throw this.#failed("size", `${this.size} is not a whole number of sectors, at least one`);
  }

  /** For another process that reads the same disk. */
  get file(): DiskFile {
    return { path: this.path, identity: this.#file.info().identity };
  }

  /** Milliseconds since 1970 when the content last changed; says nothing for a block device. */
  get changed(): number {
    return this.#file.info().changed;
  }

  read(offset: Bytes, into: Uint8Array): void {
    this.#try("read", () => {
      for (let done = 0; done < into.length;) {
        const n = this.#file.read(done === 0 ? into : into.subarray(done), offset + done);
        if (n === 0) throw new Error(`ends at ${offset + done}`);
        done += n;
      }
    });
  }

  /** Writes the parts one behind the other. */
  write(offset: Bytes, length: Bytes, parts: readonly Uint8Array[]): void {
    const written = this.#try("write", () => this.#file.write(parts, offset));
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
    await this.#file.sync().catch((error: unknown) => {
      throw this.#failed("flush", messageOf(error));
    });
  }

  close(): void {
    this.#file.close();
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

function sizeOf(file: OpenFile): Bytes {
  const { kind, size } = file.info();
  if (kind === "other") throw new Error("neither a file nor a block device");
  return bytes(size);
}
