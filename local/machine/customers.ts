import { type WriteStream, createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { systemClock } from "../../engine/core/clock.ts";
import { messageOf } from "../../engine/core/errors.ts";
import { type Micros, type Millis, micros, millis } from "../../engine/core/units.ts";
import type { OrderRequest, PlacedOrder } from "./ledger.ts";
import { seededRandom } from "./seeded-random.ts";

/** An order that a customer holds a receipt for. Times are of the customers' own clock. */
export interface AcknowledgedOrder extends OrderRequest, PlacedOrder {
  readonly requestedAt: Micros;
  readonly acknowledgedAt: Micros;
}

/** An order whose request may have reached the machine, and nobody knows. */
export interface UnansweredOrder extends OrderRequest {
  readonly requestedAt: Micros;
  readonly failedAt: Micros;
  readonly reason: string;
}

export interface OrderLog {
  /** In the order of their acknowledgements. */
  readonly acknowledged: readonly AcknowledgedOrder[];
  readonly unanswered: readonly UnansweredOrder[];
}

interface CustomersOptions {
  /** The ledger's URL, without a path. */
  readonly url: string;
  readonly seed: number;
  readonly customers: number;
  /** Mean time that a customer thinks between two orders. */
  readonly thinkTime: Millis;
  /** Gets a line of JSON for each order, `{"acknowledged":…}` or `{"unanswered":…}`. */
  readonly logFile: string;
}

export interface CustomerFigures {
  readonly acknowledged: number;
  readonly unanswered: number;
  /** Attempts that found nobody listening. */
  readonly refused: number;
  /** Orders a second over the last five seconds. */
  readonly perSecond: number;
  /** Median of the last hundred answers. */
  readonly latency: Millis;
  /** The longest of them. */
  readonly slowest: Millis;
}

const RATE_WINDOW = 5_000_000;
const BACK_OFF = 250;
const GRACE = 2_000;
const ITEMS = ["copper wire", "linen", "oak planks", "lamp oil", "sailcloth", "tea", "rope", "tin plate"];
const NAMES = ["Abel", "Brandt", "Castro", "Dufour", "Eriksen", "Falk", "Grau", "Hoang", "Ito", "Jansen"];
const placedOrder = z.object({ id: z.number().int(), placedAt: z.number().transform(micros) });

/** Customers who order at the ledger, each one order at a time, until they are stopped. Which orders, the seed says. */
export class Customers {
  readonly #options: CustomersOptions;
  readonly #file: WriteStream;
  readonly #stopping = new AbortController();
  /** Requests on their way. Each has a signal of its own: a shared one would gather their listeners for ever. */
  readonly #open = new Set<AbortController>();
  readonly #acknowledged: AcknowledgedOrder[] = [];
  readonly #unanswered: UnansweredOrder[] = [];
  #refused = 0;
  readonly #all: Promise<unknown>;

  constructor(options: CustomersOptions) {
    this.#options = options;
    this.#file = createWriteStream(options.logFile, { flags: "a" });
    const each = Array.from({ length: options.customers }, (_, index) => this.#live(index));
    this.#all = Promise.all(each);
  }

  get log(): OrderLog {
    return { acknowledged: this.#acknowledged, unanswered: this.#unanswered };
  }

  get figures(): CustomerFigures {
    const since = systemClock.now() - RATE_WINDOW;
    const recent = this.#acknowledged.length - firstAfter(this.#acknowledged, since);
    const latencies = this.#acknowledged
      .slice(-100)
      .map(({ requestedAt, acknowledgedAt }) => acknowledgedAt - requestedAt)
      .toSorted((a, b) => a - b);
    return {
      acknowledged: this.#acknowledged.length,
      unanswered: this.#unanswered.length,
      refused: this.#refused,
      perSecond: recent / (RATE_WINDOW / 1_000_000),
      latency: millis(Math.round((latencies[latencies.length >> 1] ?? 0) / 1000)),
      slowest: millis(Math.round((latencies.at(-1) ?? 0) / 1000)),
    };
  }

  /** No new orders; waits two seconds for the answers to those that are on their way. The log is then on disk. */
  async stop(): Promise<OrderLog> {
    this.#stopping.abort();
    const timer = setTimeout(() => this.#open.forEach((request) => request.abort()), GRACE);
    await this.#all;
    clearTimeout(timer);
    this.#file.end();
    await finished(this.#file);
    return this.log;
  }

  async #live(index: number): Promise<void> {
    const random = seededRandom(this.#options.seed + index * 7919);
    const customer = `${NAMES[index % NAMES.length]} ${index + 1}`;
    while (!this.#stopping.signal.aborted) {
      // Exponential, as between independent arrivals.
      await this.#pause(-Math.log(1 - random()) * this.#options.thinkTime);
      const item = ITEMS[Math.floor(random() * ITEMS.length)] ?? "rope";
      const request = { customer, item, amount: 1 + Math.floor(random() * 100_000) };
      if (!this.#stopping.signal.aborted && !(await this.#order(request))) await this.#pause(BACK_OFF);
    }
  }

  async #order(request: OrderRequest): Promise<boolean> {
    const requestedAt = systemClock.now();
    const hangUp = new AbortController();
    this.#open.add(hangUp);
    try {
      const response = await fetch(new URL("/orders", this.#options.url), {
        method: "POST",
        body: JSON.stringify(request),
        signal: hangUp.signal,
      });
      if (response.status !== 201) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
      const placed = placedOrder.parse(await response.json());
      const acknowledged = { ...request, ...placed, requestedAt, acknowledgedAt: systemClock.now() };
      this.#acknowledged.push(acknowledged);
      this.#file.write(`${JSON.stringify({ acknowledged })}\n`);
      return true;
    } catch (error) {
      this.#miss(request, requestedAt, error);
      return false;
    } finally {
      this.#open.delete(hangUp);
    }
  }

  #miss(request: OrderRequest, requestedAt: Micros, error: unknown): void {
    const reason = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
    if (reason.includes("ECONNREFUSED")) {
      this.#refused += 1;
      return;
    }
    const unanswered = { ...request, requestedAt, failedAt: systemClock.now(), reason };
    this.#unanswered.push(unanswered);
    this.#file.write(`${JSON.stringify({ unanswered })}\n`);
  }

  async #pause(duration: number): Promise<void> {
    await sleep(duration, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

function firstAfter(log: readonly AcknowledgedOrder[], time: number): number {
  let first = log.length;
  while (first > 0 && (log[first - 1]?.acknowledgedAt ?? 0) > time) first -= 1;
  return first;
}
