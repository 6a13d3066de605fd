import { randomUUID } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { type FileHandle, link, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type ErrorCode, LeewardError, messageOf } from "../core/errors.ts";
import { bytes } from "../core/units.ts";
import { checkName, isName } from "./name.ts";
import {
  type ETag,
  type ObjectInfo,
  type ObjectStore,
  type PutCondition,
  type StoredObject,
  etagOf,
} from "./store.ts";

/**
 * Objects that were downloaded into a directory: the name is the path. For one process at a time; an object cannot have
 * the name of a directory. What the disk returns is not checked here: segments and manifests carry their own digests.
 */
export class DirectoryObjectStore implements ObjectStore {
  readonly #directory: string;
  /** Puts take turns, so that a condition still holds when it is acted on. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  get(name: string): Promise<StoredObject | undefined> {
    return this.#read(name, async (file) => {
      const found = await file.stat({ bigint: true });
      const body = await file.readFile();
      return { name, size: bytes(body.length), etag: etagOfFile(found), body };
    });
  }

  async put(name: string, body: Uint8Array, condition: PutCondition): Promise<ETag> {
    checkName(name);
    const turn = this.#turn.then(() =>
      this.#guard(`storing ${name}`, () => this.#put(name, body, condition)),
    );
    this.#turn = turn.catch(() => undefined); // the caller has the error; the next one's turn comes all the same
    return await turn;
  }

  async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    const root = await this.#root();
    const entries = await this.#guard(`listing ${prefix}`, () =>
      readdir(root, { recursive: true, withFileTypes: true }),
    );
    const names = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
      .filter((name) => isName(name) && name.startsWith(prefix));
    for (const name of names.sort()) {
      const found = await this.#stat(path.join(root, name));
      if (found) yield { name, size: bytes(Number(found.size)), etag: etagOfFile(found) };
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    names.forEach(checkName);
    const root = await this.#root();
    for (const name of names)
      await this.#guard(`deleting ${name}`, async () => {
        const file = await inside(root, name);
        if (file) await rm(file, { force: true });
      });
  }

  async ensureContainer(): Promise<void> {
    await this.#guard(`creating ${this.#directory}`, () => mkdir(this.#directory, { recursive: true }));
  }

  async #read<T>(name: string, use: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
    checkName(name);
    const root = await this.#root();
    return await this.#guard(`reading ${name}`, async () => {
      const place = await inside(root, name);
      if (!place || !(await stat(place)).isFile()) return undefined;
      return await withFile(place, "r", use);
    });
  }

  async #put(name: string, body: Uint8Array, condition: PutCondition): Promise<ETag> {
    const root = await this.#root();
    const place = path.join(root, name);
    await mkdir(path.dirname(place), { recursive: true });
    await insideOnly(root, path.dirname(place));
    const found = await this.#stat(place);
    if (condition === "absent" && found) throw new LeewardError("ObjectExists", `${name} exists`);
    if (typeof condition === "object" && (!found || etagOfFile(found) !== condition.unchangedSince))
      throw new LeewardError("ObjectChanged", `${name} was changed by someone else`);
    // "~" is in no object's name, so a listing passes over what a crash leaves.
    const fresh = `${place}~${randomUUID()}`;
    return await withFile(fresh, "wx", async (file) => {
      await file.writeFile(body);
      await file.sync();
      try {
        if (condition === "absent") await link(fresh, place);
        else await rename(fresh, place);
      } finally {
        await rm(fresh, { force: true });
      }
      return etagOfFile(await file.stat({ bigint: true }));
    });
  }

  async #root(): Promise<string> {
    return await this.#guard(`opening ${this.#directory}`, () => realpath(this.#directory));
  }

  async #stat(place: string): Promise<BigIntStats | undefined> {
    return await orMissing(stat(place, { bigint: true }));
  }

  async #guard<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof LeewardError) throw error;
      throw new LeewardError(
        CODES[codeOf(error)] ?? "StorageUnavailable",
        `${what}: ${messageOf(error)}`,
        error,
      );
    }
  }
}

/** Node 22 has no `await using`. */
async function withFile<T>(place: string, flags: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(place, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "NotFound",
  EACCES: "StorageDenied",
  EPERM: "StorageDenied",
  EROFS: "StorageDenied",
  EEXIST: "StorageRefused",
  ENOTDIR: "StorageRefused",
  EISDIR: "StorageRefused",
};

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** A change of content makes a new file, which has another inode or another time. */
const etagOfFile = ({ ino, size, mtimeNs }: BigIntStats): ETag => etagOf(`${ino}-${size}-${mtimeNs}`);

async function orMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error))) return undefined;
    throw error;
  }
}

/** Where the object really is, or undefined when there is none. @throws StorageRefused when a link leads out. */
async function inside(root: string, name: string): Promise<string | undefined> {
  const place = path.join(root, name);
  return (await orMissing(realpath(place))) && (await insideOnly(root, place));
}

async function insideOnly(root: string, place: string): Promise<string> {
  const real = await realpath(place);
  if (real !== root && !real.startsWith(`${root}${path.sep}`))
    throw new LeewardError("StorageRefused", `${place} leads out of ${root}`);
  return real;
}
