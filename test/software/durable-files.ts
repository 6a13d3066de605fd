import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { type Digest, sha256 } from "../../engine/core/digest.ts";
import { KIB, type Sequence, sequence } from "../../engine/core/units.ts";
import { type Promised, below } from "./cuts.ts";
import { type Version, possible } from "./versions.ts";

const NAMES = 12;
const LARGEST = 64 * KIB;
const NONE = { begun: sequence(0), kept: sequence(0), value: undefined };

/**
 * Files as careful programs keep them: written under another name, synced, renamed, and the directory synced; or removed,
 * and the directory synced. A name always has its old or its new content, or none.
 */
export class DurableFiles {
  readonly promised: Promised[] = [];
  /** Of each name, oldest first. */
  readonly #versions = new Map<string, Version<Digest | undefined>[]>();

  /** Changes files one after the other. Several may be at work on different names. @param newest see `ProtectedMachine` */
  async change(
    directory: string,
    who: string,
    times: number,
    newest: () => Promise<Sequence>,
  ): Promise<void> {
    for (let done = 0; done < times; done++) {
      const name = `${who}-${below(NAMES)}`;
      const before = this.#versions.get(name) ?? [NONE];
      const begun = await newest();
      const remove = before.at(-1)?.value !== undefined && below(4) === 0;
      const value = remove ? await removed(directory, name) : await replaced(directory, name);
      const promise = { begun, kept: await newest() };
      this.promised.push(promise);
      this.#versions.set(name, [...before, { ...promise, value }]);
    }
  }

  async wrongs(directory: string, cut: Sequence): Promise<string[]> {
    const found: string[] = [];
    for (const [name, versions] of this.#versions) {
      const content = await readFile(path.join(directory, name)).then(sha256, absent);
      if (!possible(versions, cut).includes(content))
        found.push(`${name} is ${content ?? "not there"}, none of its ${versions.length} versions fits`);
    }
    return found;
  }
}

async function replaced(directory: string, name: string): Promise<Digest> {
  const content = randomBytes(1 + below(LARGEST));
  const fresh = path.join(directory, `${name}~`);
  const file = await open(fresh, "w");
  await file.writeFile(content);
  await file.sync();
  await file.close();
  await rename(fresh, path.join(directory, name));
  await syncDirectory(directory);
  return sha256(content);
}

async function removed(directory: string, name: string): Promise<undefined> {
  await rm(path.join(directory, name), { force: true });
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const opened = await open(directory);
  await opened.sync();
  await opened.close();
}

function absent(error: unknown): undefined {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}
