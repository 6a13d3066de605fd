import { type Bytes, type Micros, bytes } from "../../engine/core/units.ts";
import { CONTAINER } from "../../engine/journal/names.ts";
import { MemoryObjectStore, MemoryPageStore } from "../../engine/storage/memory.ts";
import { type ObjectInfo, type SnapshotId, etagOf } from "../../engine/storage/store.ts";
import type { BlobAt } from "../../local/arm/compute/box-blob.ts";

/** One storage account. */
interface Account {
  readonly endpoint: string;
  /** Blobs of pages are listed among them. */
  readonly objects: MemoryObjectStore;
  readonly pages: SizedPages;
  readonly containers: { names(): Promise<string[]> };
}

/** All storage accounts, by their blob endpoints. */
export class Accounts {
  readonly #accounts = new Map<string, Account>();
  readonly #now: () => Micros;

  constructor(now: () => Micros) {
    this.#now = now;
  }

  at(given: string): Account {
    const endpoint = given.replace(/\/$/, "");
    const known = this.#accounts.get(endpoint);
    if (known) return known;
    const pages = new SizedPages(endpoint, this.#now);
    const containers = { names: async () => [CONTAINER] };
    const made = { endpoint, objects: new ListedObjects(pages), pages, containers };
    this.#accounts.set(endpoint, made);
    return made;
  }

  all(): Account[] {
    return [...this.#accounts.values()];
  }

  /** As the service that imports disks reads them. */
  readonly blobAt: BlobAt = (uri) => {
    const found = this.all().find(({ endpoint }) => uri.startsWith(`${endpoint}/`));
    if (!found) throw new RangeError(`no account has ${uri}`);
    const name = uri.slice(`${found.endpoint}/${CONTAINER}/`.length);
    const { pages } = found;
    return {
      size: async () => pages.sizes.get(name),
      read: (offset, length) => pages.read(name, bytes(offset), bytes(length)),
      async *ranges(size) {
        for (const { offset, length } of await pages.ranges(name))
          if (offset < size) yield { offset, length: Math.min(length, size - offset) };
      },
    };
  };
}

class ListedObjects extends MemoryObjectStore {
  readonly #pages: SizedPages;

  constructor(pages: SizedPages) {
    super();
    this.#pages = pages;
  }

  override async *list(prefix: string): AsyncGenerator<ObjectInfo> {
    yield* super.list(prefix);
    for (const [name, size] of this.#pages.sizes)
      if (name.startsWith(prefix)) yield { name, size, etag: etagOf(name) };
  }
}

class SizedPages extends MemoryPageStore {
  readonly sizes = new Map<string, Bytes>();
  readonly #endpoint: string;

  constructor(endpoint: string, now: () => Micros) {
    super({ now, sleep: () => Promise.reject(new Error("a storage does not sleep")) });
    this.#endpoint = endpoint;
  }

  override async create(name: string, size: Bytes): Promise<void> {
    await super.create(name, size);
    this.sizes.set(name, size);
  }

  override async promote(name: string, at: SnapshotId, copy: string): Promise<string> {
    await super.promote(name, at, copy);
    const size = this.sizes.get(name);
    if (size !== undefined) this.sizes.set(copy, size);
    return `${this.#endpoint}/${CONTAINER}/${copy}`;
  }

  override async delete(name: string): Promise<void> {
    await super.delete(name);
    this.sizes.delete(name);
  }
}
