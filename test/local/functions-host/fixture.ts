import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { Clock } from "../../../engine/core/clock.ts";
import { injectCoreApi } from "../../../local/functions-host/core-api.ts";
import { type Host, startHost } from "../../../local/functions-host/host.ts";
import { VirtualClock } from "./virtual-clock.ts";

// Import this file before any of the app's: its libraries look for the core API once, when they are loaded.
injectCoreApi();

export const APP = path.join(import.meta.dirname, "../../functions-host/app");

export interface Status {
  name: string;
  instanceId: string;
  runtimeStatus: string;
  input: unknown;
  output: unknown;
  customStatus: unknown;
  createdTime: string;
  lastUpdatedTime: string;
  historyEvents?: Record<string, unknown>[];
}

/** A host in this process, with the test app and, unless told otherwise, a clock that the test moves. */
export class Fixture {
  readonly clock = new VirtualClock("2030-01-01T00:00:00Z");
  readonly #hostClock: Clock;
  readonly logs: string[] = [];
  #host: Host | undefined;
  #data = "";
  #count = 0;

  constructor(hostClock?: Clock) {
    this.#hostClock = hostClock ?? this.clock;
  }

  get host(): Host {
    if (!this.#host) throw new Error("the host is not running");
    return this.#host;
  }

  async open(): Promise<void> {
    process.env["TEST_HUB"] = "TestHub";
    process.env["TEST_SCHEDULE"] ??= "0 0 0 1 1 *";
    process.env["TEST_FAST_SCHEDULE"] ??= "0 0 0 1 1 *";
    this.#data = await mkdtemp(path.join(tmpdir(), "functions-host-"));
    await this.start();
  }

  /** Starts the host over the same state. */
  async start(): Promise<void> {
    this.#host = await startHost({
      app: APP,
      data: this.#data,
      port: 0,
      clock: this.#hostClock,
      log: ({ level, message }) => this.logs.push(`${level} ${message}`),
    });
  }

  async stop(): Promise<void> {
    await this.host.stop();
    this.#host = undefined;
  }

  async close(): Promise<void> {
    if (this.#host) await this.stop();
    await rm(this.#data, { recursive: true, force: true });
  }

  fetch(target: string, init?: RequestInit): Promise<Response> {
    return fetch(this.host.url + target, init);
  }

  /** A call of the management API, with its key. */
  manage(target: string, init?: RequestInit): Promise<Response> {
    const headers = { "x-functions-key": this.host.keys.durable, ...headersOf(init) };
    return this.fetch(`/runtime/webhooks/durabletask/${target}`, { ...init, headers });
  }

  newId(): string {
    return `instance-${++this.#count}`;
  }

  /** Starts an orchestration; returns its id once it waits for something or has ended. */
  async begin(name: string, input?: unknown, id = this.newId()): Promise<string> {
    const body = input === undefined ? "" : JSON.stringify(input);
    const answer = await this.manage(`orchestrators/${name}/${id}`, { method: "POST", body });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
    await this.host.idle();
    return id;
  }

  /** Starts it, lets it run as far as it comes without time passing, and says where it is. */
  async run(name: string, input?: unknown, id?: string): Promise<Status> {
    return this.status(await this.begin(name, input, id));
  }

  async status(id: string, query = ""): Promise<Status> {
    const answer = await this.manage(`instances/${id}?${query}`);
    if (answer.status !== 200 && answer.status !== 202) throw new Error(`status of ${id}: ${answer.status}`);
    const status: Status = JSON.parse(await answer.text());
    return status;
  }

  async raise(id: string, event: string, data: unknown): Promise<number> {
    const answer = await this.manage(`instances/${id}/raiseEvent/${event}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(data),
    });
    await this.host.idle();
    return answer.status;
  }

  /** POST instances/{id}/{verb}, and whatever follows from it. */
  async command(id: string, verb: string, reason = "because"): Promise<number> {
    const answer = await this.manage(`instances/${id}/${verb}?reason=${encodeURIComponent(reason)}`, {
      method: "POST",
    });
    await this.host.idle();
    return answer.status;
  }

  advance(seconds: number): Promise<void> {
    return this.clock.advance(seconds * 1000, () => this.host.idle());
  }
}

/** One host for all tests of a file. */
export function useFixture(): Fixture {
  const fixture = new Fixture();
  beforeAll(() => fixture.open());
  afterAll(() => fixture.close());
  return fixture;
}

const headersOf = (init: RequestInit | undefined): Record<string, string> =>
  Object.fromEntries(new Headers(init?.headers));
