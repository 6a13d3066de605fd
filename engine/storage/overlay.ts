import { MemoryObjectStore } from "./memory.ts";
import type { ETag, GetCheck, ObjectInfo, ObjectStore, PutCondition, StoredObject } from "./store.ts";

/**
 * A store as it would be after some changes, which are kept in memory: what is under it is only read. For who may not
 * write, or does not want to, and needs what can be made again of what is there.
 */
export class OverlayObjectStore implements ObjectStore {
  readonly #under: ObjectStore;
  readonly #over = new MemoryObjectStore();
  readonly #changed = new Set<string>();

  constructor(under: ObjectStore) {
    this.#under = under;
  }

  get(name: string, check?: GetCheck): Promise<StoredObject | undefined> {
    return this.#changed.has(name) ? this.#over.get(name) : this.#under.get(name, check);
  }

  async put(name: string, body: Uint8Array, condition: PutCondition): Promise<ETag> {
    if (!this.#changed.has(name) && condition !== "any") {
      const there = await this.#under.get(name, "unchecked");
      if (there) await this.#over.put(name, there.body, "any");
      this.#changed.add(name);
      // The name has another ETag up here: what was read below and is unchanged may be replaced.
      if (condition !== "absent" && there?.etag === condition.unchangedSince)
        return this.#over.put(name, body, "any");
    }
    this.#changed.add(name);
    return this.#over.put(name, body, condition);
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const found = new Map<string, ObjectInfo>();
    for await (const info of this.#under.list(prefix))
      if (!this.#changed.has(info.name)) found.set(info.name, info);
    for await (const info of this.#over.list(prefix)) found.set(info.name, info);
    yield* [...found.values()].toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  async delete(names: readonly string[]): Promise<void> {
    for (const name of names) this.#changed.add(name);
    await this.#over.delete(names);
  }

  ensureContainer(): Promise<void> {
    return this.#under.ensureContainer();
  }
}
