import { MIB } from "../engine/core/units.ts";

const WIDTH = 30;
const EVERY_MS = 100;

/** One line on standard error that is drawn over and over; nothing where that is not a terminal. */
export class ProgressBar {
  readonly #label: string;
  readonly #began = performance.now();
  #drawn = -EVERY_MS;

  constructor(label: string) {
    this.#label = label;
  }

  /** @param moved bytes so far, for the rate; none is shown without */
  show(done: number, total: number, moved: number | undefined): void {
    const now = performance.now();
    if (!process.stderr.isTTY || (now - this.#drawn < EVERY_MS && done < total)) return;
    this.#drawn = now;
    const part = total === 0 ? 1 : done / total;
    const seconds = (now - this.#began) / 1000;
    const left = part > 0 ? Math.ceil((seconds / part) * (1 - part)) : 0;
    const filled = Math.round(part * WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
    process.stderr.write(
      `\r\x1b[K${this.#label} ${bar} ${String(Math.floor(part * 100)).padStart(3)} %` +
        `${moved === undefined ? "" : rateOf(moved, seconds)}  ${left} s left`,
    );
  }

  /** Removes the line, to make room for what is said next. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}

const rateOf = (moved: number, seconds: number): string =>
  `  ${mib(moved)} MiB  ${mib(moved / Math.max(seconds, 0.001))} MiB/s`;

const mib = (amount: number): string => (amount / MIB).toFixed(0);
