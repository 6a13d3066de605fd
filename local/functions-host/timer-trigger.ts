import type { Clock } from "../../engine/core/clock.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { millis } from "../../engine/core/units.ts";
import { type RegisteredFunction, triggerOf } from "./core-api.ts";
import { type Database, integer } from "./durable/database.ts";
import type { Invoker } from "./invocation.ts";
import { parseSchedule, type Schedule } from "./ncrontab.ts";
import { retryPolicyOf, type RetryPolicy, tryAgain } from "./retry-policy.ts";
import { substitute } from "./settings.ts";
import type { TypedData } from "./typed-data.ts";

const DAY = 86_400_000;

export interface TimerContext {
  readonly clock: Clock;
  readonly db: Database;
  readonly invoker: Invoker;
  readonly now: () => number;
  /** Input bindings besides the trigger. */
  readonly inputs: (fn: RegisteredFunction) => Record<string, TypedData>;
  readonly failed: (fn: RegisteredFunction, error: unknown) => void;
}

/** Milliseconds since 1970. `last` is null before the first run. */
interface Status {
  readonly last: number | null;
  readonly next: number;
  readonly updated: number;
}

/**
 * A timer function. The next occurrence is found when a run ends: runs never overlap, and several missed ones are made up
 * for by one, which is told that it is past due.
 */
export class TimerTrigger {
  readonly #fn: RegisteredFunction;
  readonly #context: TimerContext;
  readonly #schedule: Schedule;
  readonly #stop = new AbortController();
  readonly #runOnStartup: boolean;
  readonly #retries: RetryPolicy | undefined;
  /** Whether the status outlives the process: from one minute upwards, as the real host decides it. */
  readonly #kept: boolean;
  #status: Status | undefined;

  /** @throws LeewardError InvalidSetting when the schedule, the setting that holds it or the retry policy is not valid */
  constructor(fn: RegisteredFunction, context: TimerContext) {
    this.#fn = fn;
    this.#context = context;
    const { options } = triggerOf(fn);
    if (typeof options["schedule"] !== "string")
      throw new LeewardError("InvalidSetting", `timer function ${fn.name} has no schedule`);
    this.#schedule = parseSchedule(substitute(options["schedule"], `the schedule of ${fn.name}`));
    this.#runOnStartup = options["runOnStartup"] === true;
    this.#retries = retryPolicyOf(fn);
    const first = this.#schedule(context.now());
    this.#kept = options["useMonitor"] !== false && this.#schedule(first) - first >= 60_000;
    this.#status = this.#kept ? this.#load() : undefined;
  }

  /** Runs at once what is past due, then by schedule until `stop`. */
  async start(): Promise<void> {
    const { now } = this.#context;
    const pastDue = this.#status !== undefined && this.#status.next <= now();
    if (pastDue || this.#runOnStartup) await this.fire(pastDue);
    else if (!this.#status) this.#begin(now());
    while (await this.#reach(this.#status?.next ?? 0)) await this.fire(false);
  }

  stop(): void {
    this.#stop.abort();
  }

  /** One run, now, and what its retry policy adds to it. One that is stopped in between is past due at the next start. */
  async fire(pastDue: boolean): Promise<void> {
    const { clock, invoker, inputs, failed, db, now } = this.#context;
    const data = { json: JSON.stringify(timerInfo(this.#status, pastDue)) };
    const retrying = {
      policy: this.#retries,
      clock,
      signal: this.#stop.signal,
      failed: (error: unknown) => failed(this.#fn, error),
    };
    const whole = await tryAgain(retrying, (retryContext) =>
      invoker.invoke(this.#fn, {
        inputs: { [triggerOf(this.#fn).name]: data, ...inputs(this.#fn) },
        ...(retryContext ? { retryContext } : {}),
      }),
    );
    const ended = now();
    if (whole && db.isOpen) this.#save({ last: ended, next: this.#schedule(ended), updated: ended });
  }

  /** False when stopped before. A platform timer cannot wait longer than 24 days. */
  async #reach(instant: number): Promise<boolean> {
    const { clock, now } = this.#context;
    try {
      for (let left = instant - now(); left > 0; left = instant - now())
        await clock.sleep(millis(Math.min(left, DAY)), this.#stop.signal);
    } catch {
      return false;
    }
    return !this.#stop.signal.aborted;
  }

  #begin(now: number): void {
    this.#save({ last: null, next: this.#schedule(now), updated: now });
  }

  /** Nothing when the schedule has changed since: what was planned under the old one is not past due. */
  #load(): Status | undefined {
    const row = this.#context.db.get("SELECT * FROM schedule WHERE name = ?", [this.#fn.name]);
    if (!row) return undefined;
    const next = integer(row, "next");
    const updated = integer(row, "updated");
    if (this.#schedule(updated) !== next) return undefined;
    return { last: row["last"] === null ? null : integer(row, "last"), next, updated };
  }

  #save(status: Status): void {
    this.#status = status;
    const { db } = this.#context;
    if (this.#kept)
      db.write(() =>
        db.run("INSERT OR REPLACE INTO schedule VALUES(?,?,?,?)", [
          this.#fn.name,
          status.last,
          status.next,
          status.updated,
        ]),
      );
  }
}

const NEVER = "0001-01-01T00:00:00";

function timerInfo(status: Status | undefined, pastDue: boolean): object {
  const iso = (time: number | null) => (time === null ? NEVER : new Date(time).toISOString());
  return {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: status
      ? { Last: iso(status.last), LastUpdated: iso(status.updated), Next: iso(status.next) }
      : null,
    IsPastDue: pastDue,
  };
}
