import { setTimeout as sleep } from "node:timers/promises";
import type { Box } from "./box/box.ts";
import { customersAt, runningLedgers } from "./demo/scene.ts";
import type { Terminal } from "./demo/terminal.ts";
import type { Customers } from "./machine/customers.ts";
import { Scanner } from "./machine/scanner.ts";
import type { Options } from "./options.ts";

const WATCH_MILLIS = 1000;

/** Customers, and documents that are filed. */
export class Shop {
  readonly #box: Box;
  readonly #options: Options;
  readonly #terminal: Terminal;
  #url: string | undefined;
  #customers: Customers | undefined;

  constructor(box: Box, options: Options, terminal: Terminal) {
    this.#box = box;
    this.#options = options;
    this.#terminal = terminal;
  }

  get figures(): string {
    if (!this.#customers) return "no ledger runs, so there are no customers";
    const { perSecond, latency, slowest } = this.#customers.figures;
    return `customers: ${perSecond.toFixed(0)} orders/s, ${latency} ms (of the last hundred ${slowest} ms at most)`;
  }

  /** Where one ledger dies and another comes up, the customers go there. */
  async keep(signal: AbortSignal): Promise<void> {
    const { directory, seed } = this.#options;
    while (!signal.aborted) {
      const running = await runningLedgers(this.#box);
      if (this.#url === undefined || !running.includes(this.#url)) {
        await this.#customers?.stop();
        const found = running.at(-1);
        this.#customers = found === undefined ? undefined : customersAt(found, directory, seed);
        if (found && this.#url)
          this.#terminal.say(`the ledger is up again: customers order at ${found}/orders`);
        this.#url = found ?? this.#url;
      }
      await sleep(WATCH_MILLIS, undefined, { signal }).catch(() => undefined);
    }
    await this.#customers?.stop();
  }

  async file(mebibytes: number): Promise<string> {
    if (!this.#url) throw new Error("no ledger runs");
    const begun = performance.now();
    await new Scanner({ url: this.#url, seed: Date.now() % 0x1_0000_0000, mebibytes }).done;
    return `${mebibytes} MiB of documents were filed in ${((performance.now() - begun) / 1000).toFixed(1)} s`;
  }
}
