import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { MIB } from "../../engine/core/units.ts";

interface ScannerOptions {
  /** The ledger's URL, without a path. */
  readonly url: string;
  readonly seed: number;
  /** How much is filed in all. */
  readonly mebibytes: number;
  /** The most that is filed in a second, in bytes; as much as the ledger takes by default. */
  readonly rate?: number;
}

const filedDocument = z.object({ bytes: z.number() });

/**
 * Files documents in the ledger's archive, one after the other: writes that never come to the same place twice, unlike
 * those of orders, of which most go over the database's log again and again.
 */
export class Scanner {
  readonly #options: ScannerOptions;
  readonly #stopping = new AbortController();
  #bytes = 0;
  /** Resolves when everything is filed, or nothing more will be. @throws Error when the ledger refuses */
  readonly done: Promise<void>;

  constructor(options: ScannerOptions) {
    this.#options = options;
    this.done = this.#scan();
  }

  get bytes(): number {
    return this.#bytes;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.done.catch(() => undefined);
  }

  async #scan(): Promise<void> {
    const { url, seed, mebibytes, rate = Infinity } = this.#options;
    const begun = performance.now();
    for (let number = 0; this.#bytes < mebibytes * MIB && !this.#stopping.signal.aborted; number++) {
      const response = await fetch(new URL("/documents", url), {
        method: "POST",
        body: JSON.stringify({ seed, number }),
      });
      if (response.status !== 201) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
      this.#bytes += filedDocument.parse(await response.json()).bytes;
      const early = begun + (1000 * this.#bytes) / rate - performance.now();
      if (early > 0) await sleep(early, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }
}
