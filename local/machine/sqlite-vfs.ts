import {
  SQLITE_CANTOPEN,
  SQLITE_FULL,
  SQLITE_IOCAP_POWERSAFE_OVERWRITE,
  SQLITE_IOERR,
  SQLITE_IOERR_READ,
  SQLITE_IOERR_SHORT_READ,
  SQLITE_NOTFOUND,
  SQLITE_OK,
} from "wa-sqlite";
import { LeewardError } from "../../engine/core/errors.ts";
import { SECTOR } from "../../engine/core/units.ts";
import type { BlockDevice } from "./block-device.ts";
import { ByteDisk } from "./byte-disk.ts";
import { type Superblock, readSuperblock, writeSuperblock } from "./superblock.ts";

export const DATABASE_NAME = "ledger";
const LOG_NAME = `${DATABASE_NAME}-wal`;

const NOTHING = new Uint8Array();

type FileRole = "database" | "log";

/**
 * Two SQLite files, a database and its write-ahead log, on one or two raw disks laid out as `superblock.ts` says. There are no
 * other files: a rollback journal or a temporary file cannot be opened.
 *
 * The log is always as long as its region. That is safe because SQLite trusts no frame without the salt of the log's
 * header, and because an emptied log gets a zero header before anything new is written into it.
 */
export class DiskVfs implements SQLiteVFS {
  readonly name: string;
  readonly mxPathName = 64;
  /** Set by wa-sqlite's registration: suspends the WebAssembly until the promise is settled. */
  handleAsync: (work: () => Promise<number>) => number = () => SQLITE_IOERR;
  readonly #device: BlockDevice;
  readonly #disks: Readonly<Record<FileRole, ByteDisk>>;
  readonly #open = new Map<number, FileRole>();
  #superblock: Superblock;
  /** As SQLite sees it; `#superblock.length` is what a crash would leave. */
  #length: number;
  #hasLog: boolean;
  #failure: unknown;
  #suspended = false;
  #fetched: Uint8Array = NOTHING;

  /**
   * Reads the superblock and the log's header.
   * @param second where the superblock says that the log is on another disk
   * @throws DiskUnreadable when the disk is not formatted, or the second one is missing.
   */
  static async mount(name: string, device: BlockDevice, second?: BlockDevice): Promise<DiskVfs> {
    const superblock = await readSuperblock(device);
    const logDevice = superblock.log.disk === 0 ? device : second;
    if (!logDevice) throw new LeewardError("DiskUnreadable", "the disk with the ledger's log is not there");
    const header = await logDevice.read(superblock.log.offset, SECTOR);
    const hasLog = header.some((byte) => byte !== 0);
    return new DiskVfs(name, { database: device, log: logDevice }, superblock, hasLog);
  }

  private constructor(
    name: string,
    { database, log }: Readonly<Record<FileRole, BlockDevice>>,
    superblock: Superblock,
    hasLog: boolean,
  ) {
    this.name = name;
    this.#device = database;
    const disk = new ByteDisk(database);
    this.#disks = { database: disk, log: log === database ? disk : new ByteDisk(log) };
    this.#superblock = superblock;
    this.#length = superblock.length;
    this.#hasLog = hasLog;
  }

  /** Why the last operation failed; SQLite itself says only "disk I/O error". */
  get failure(): unknown {
    return this.#failure;
  }

  get databaseBytes(): number {
    return this.#length;
  }

  /** Whether the log holds anything that the database may lack. */
  get hasLog(): boolean {
    return this.#hasLog;
  }

  /** Makes everything durable, for a database that runs with `synchronous=OFF`. */
  async sync(): Promise<void> {
    await this.#disks.database.sync();
    if (this.#length === this.#superblock.length) return;
    // The old copy counts until this one is whole, and then the bytes it covers are durable.
    const next = { ...this.#superblock, sequence: this.#superblock.sequence + 1, length: this.#length };
    await writeSuperblock(this.#device, next);
    this.#superblock = next;
  }

  xOpen(name: string | null, fileId: number, flags: number, outFlags: DataView): number {
    const role = roleOf(name);
    if (!role) return SQLITE_CANTOPEN;
    this.#open.set(fileId, role);
    outFlags.setInt32(0, flags, true);
    return SQLITE_OK;
  }

  xClose(fileId: number): number {
    this.#open.delete(fileId);
    return SQLITE_OK;
  }

  xRead(fileId: number, into: Uint8Array, offset: number): number {
    const role = this.#role(fileId);
    const length = Math.max(0, Math.min(into.length, this.#size(role) - offset));
    if (!this.#suspended) this.#fetched = NOTHING;
    const code = this.#attempt(SQLITE_IOERR_READ, async () => {
      if (length > 0)
        this.#fetched = await this.#disks[role].read(this.#region(role).offset + offset, length);
      return length < into.length ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
    });
    if (this.#suspended) return code;
    into.set(this.#fetched);
    into.fill(0, this.#fetched.length);
    return code;
  }

  xWrite(fileId: number, data: Uint8Array, offset: number): number {
    const role = this.#role(fileId);
    const region = this.#region(role);
    if (offset + data.length > region.size) return SQLITE_FULL;
    const disk = this.#disks[role];
    const wait = this.#suspended || disk.crowded;
    if (!this.#suspended) {
      if (role === "log") this.#hasLog = true;
      else this.#length = Math.max(this.#length, offset + data.length);
      disk.write(region.offset + offset, data);
    }
    return wait ? this.#settled(disk) : SQLITE_OK;
  }

  xTruncate(fileId: number, size: number): number {
    if (this.#role(fileId) === "log") return size === 0 ? this.#emptyLog() : SQLITE_OK;
    this.#length = Math.min(this.#length, size);
    return SQLITE_OK;
  }

  xSync(fileId: number): number {
    const apart = this.#role(fileId) === "log" && this.#superblock.log.disk !== 0;
    return this.#attempt(SQLITE_IOERR, async () => {
      if (apart) await this.#disks.log.sync();
      else await this.sync();
      return SQLITE_OK;
    });
  }

  xFileSize(fileId: number, out: DataView): number {
    out.setBigInt64(0, BigInt(this.#size(this.#role(fileId))), true);
    return SQLITE_OK;
  }

  xDelete(name: string): number {
    return roleOf(name) === "log" ? this.#emptyLog() : SQLITE_OK;
  }

  xAccess(name: string, _flags: number, out: DataView): number {
    const role = roleOf(name);
    out.setInt32(0, role && this.#size(role) > 0 ? 1 : 0, true);
    return SQLITE_OK;
  }

  /** One process has the disk to itself. */
  xLock(): number {
    return SQLITE_OK;
  }

  xUnlock(): number {
    return SQLITE_OK;
  }

  xCheckReservedLock(_fileId: number, out: DataView): number {
    out.setInt32(0, 0, true);
    return SQLITE_OK;
  }

  xFileControl(): number {
    return SQLITE_NOTFOUND;
  }

  xSectorSize(): number {
    return SECTOR;
  }

  /** A write that is cut short leaves the bytes beside it alone: `ByteDisk` rewrites those with what they were. */
  xDeviceCharacteristics(): number {
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
  }

  #emptyLog(): number {
    const zeros = new Uint8Array(SECTOR);
    return this.#attempt(SQLITE_IOERR, async () => {
      if (this.#hasLog) this.#disks.log.write(this.#superblock.log.offset, zeros);
      this.#hasLog = false;
      await this.#disks.log.sync();
      return SQLITE_OK;
    });
  }

  #settled(disk: ByteDisk): number {
    return this.#attempt(SQLITE_IOERR, async () => {
      await disk.settle();
      return SQLITE_OK;
    });
  }

  /**
   * Runs the work with SQLite suspended. SQLite is suspended by unwinding its stack and resumed by the same call a
   * second time, which must get here again and gets the code; so what has an effect is done in one of the two only.
   * Suspending may move SQLite's memory: what was handed over by the first call must not be touched by the work.
   * SQLite cannot be thrown at: the code stands for the error, which is kept in `failure`.
   */
  #attempt(code: number, work: () => Promise<number>): number {
    this.#suspended = !this.#suspended;
    return this.handleAsync(async () => {
      try {
        return await work();
      } catch (error) {
        this.#failure = error;
        return code;
      }
    });
  }

  #size(role: FileRole): number {
    if (role === "database") return this.#length;
    return this.#hasLog ? this.#superblock.log.size : 0;
  }

  #region(role: FileRole) {
    return this.#superblock[role];
  }

  #role(fileId: number): FileRole {
    const role = this.#open.get(fileId);
    if (!role) throw new RangeError(`SQLite uses a file that is not open: ${fileId}`);
    return role;
  }
}

function roleOf(name: string | null): FileRole | undefined {
  if (name === DATABASE_NAME) return "database";
  return name === LOG_NAME ? "log" : undefined;
}
