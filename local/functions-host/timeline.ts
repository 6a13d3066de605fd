import { type EntityRequest, EventType, eventName, type HistoryEvent } from "./durable/history.ts";

/** One line of the picture: a task with all its attempts, or something that happened. Times in milliseconds since 1970. */
interface Row {
  readonly kind: "activity" | "orchestration" | "entity" | "timer" | "event" | "pause" | "end" | "other";
  readonly name: string;
  /** The number under which the library knows the task; null for what has none. */
  readonly task: number | null;
  readonly state: BarState;
  readonly bars: readonly Bar[];
}

type BarState = "waiting" | "done" | "failed" | "abandoned";

/** One attempt, or the pause before the next one. `to` is null while it lasts. */
export interface Bar {
  readonly kind: "work" | "retry";
  readonly from: number;
  readonly to: number | null;
  readonly state: BarState;
  /** When a timer fires. */
  readonly due?: number;
  /** The sub-orchestration's id. */
  readonly instance?: string;
  /** JSON texts, as in the history. */
  readonly input?: string | null;
  readonly result?: string | null;
  readonly error?: string;
}

export interface Timeline {
  readonly rows: readonly Row[];
  /** When the orchestrator ran. */
  readonly turns: readonly number[];
  /** Of this generation: later than the instance's own beginning after a continueAsNew. */
  readonly began: number | null;
}

/**
 * What a history says, as rows in the order in which they began.
 * @param timers numbers of the timers that will still fire: a history does not say which ones were cancelled
 * @param live whether the instance still runs; of one that has ended nothing is waited for
 */
export function timelineOf(
  history: readonly HistoryEvent[],
  timers: ReadonlySet<number>,
  live: boolean,
): Timeline {
  const reader = new Reader(timers, live);
  for (const event of history) reader.read(event);
  return { rows: reader.rows.map(({ row }) => row()), turns: reader.turns, began: reader.began };
}

interface Draft {
  readonly bars: Bar[];
  readonly row: () => Row;
}

/** Where the answer to a task belongs. */
interface Place {
  readonly bars: Bar[];
  readonly at: number;
}

class Reader {
  readonly rows: Draft[] = [];
  readonly turns: number[] = [];
  began: number | null = null;
  readonly #timers: ReadonlySet<number>;
  readonly #live: boolean;
  readonly #drafts = new Map<number, Draft>();
  readonly #places = new Map<number, Place>();
  /** Task numbers of calls to entities: the answer is an event of the call's own name. */
  readonly #calls = new Map<string, number>();
  #pause: Draft | undefined;

  constructor(timers: ReadonlySet<number>, live: boolean) {
    this.#timers = timers;
    this.#live = live;
  }

  read(event: HistoryEvent): void {
    const at = Date.parse(event.Timestamp);
    const { EventType: type } = event;
    switch (event.EventType) {
      case EventType.OrchestratorStarted:
        return void this.turns.push(at);
      case EventType.ExecutionStarted:
        this.began = at;
        return;
      case EventType.TaskScheduled:
        return this.#begin("activity", event.Name, event, { input: argumentOf(event.Input) });
      case EventType.SubOrchestrationInstanceCreated:
        return this.#begin("orchestration", event.Name, event, {
          input: event.Input,
          instance: event.InstanceId,
        });
      case EventType.TimerCreated:
        return this.#begin("timer", "timer", event, { due: Date.parse(event.FireAt) });
      case EventType.TaskCompleted:
      case EventType.SubOrchestrationInstanceCompleted:
        return this.#answer(event.TaskScheduledId, at, { state: "done", result: event.Result });
      case EventType.TaskFailed:
      case EventType.SubOrchestrationInstanceFailed:
        return this.#answer(event.TaskScheduledId, at, { state: "failed", error: errorOf(event) });
      case EventType.TimerFired:
        return this.#answer(event.TimerId, at, { state: "done" });
      case EventType.EventSent:
        return this.#ask(event, JSON.parse(event.Input), at);
      case EventType.EventRaised:
        return this.#raise(event.Name, event.Input, at);
      case EventType.ExecutionSuspended:
        return this.#suspend(event.Reason, at);
      case EventType.ExecutionResumed:
        return this.#resume(at);
      case EventType.ExecutionTerminated:
        return this.#happened("end", "terminated", at, { state: "failed", error: event.Input });
      case EventType.GenericEvent:
        return this.#happened("other", event.Data, at, { state: "done" });
      case EventType.OrchestratorCompleted:
      case EventType.ExecutionCompleted:
        return;
      default:
        return this.#happened("other", eventName(type), at, { state: "done" });
    }
  }

  /** Attempts of one task, and the timers between them, share a row. */
  #begin(
    kind: Row["kind"],
    name: string,
    { EventId: task, RetryOf: first, Timestamp }: { EventId: number; RetryOf?: number; Timestamp: string },
    more: Partial<Bar>,
  ): void {
    const shared = first === undefined || first === task ? undefined : this.#drafts.get(first);
    const draft = shared ?? this.#draft(kind, name, task);
    if (!shared) this.#drafts.set(task, draft);
    const state = this.#isAwaited(kind, task) ? "waiting" : "abandoned";
    const bar: Bar = {
      kind: shared && kind === "timer" ? "retry" : "work",
      from: Date.parse(Timestamp),
      to: null,
      state,
      ...more,
    };
    this.#places.set(task, { bars: draft.bars, at: draft.bars.push(bar) - 1 });
  }

  #isAwaited(kind: Row["kind"], task: number): boolean {
    return this.#live && (kind !== "timer" || this.#timers.has(task));
  }

  #answer(task: number, at: number, more: Partial<Bar>): void {
    const place = this.#places.get(task);
    const bar = place?.bars[place.at];
    if (place && bar) place.bars[place.at] = { ...bar, ...more, to: at };
  }

  #happened(kind: Row["kind"], name: string, at: number, more: Partial<Bar> & { state: BarState }): void {
    this.#draft(kind, name, null).bars.push({ kind: "work", from: at, to: at, ...more });
  }

  /** A signal has no answer. */
  #ask(
    event: { EventId: number; InstanceId: string; Timestamp: string },
    { op, signal, id, input }: EntityRequest,
    at: number,
  ): void {
    this.#begin("entity", `${op} ${event.InstanceId}`, event, { input: input ?? null });
    if (signal) this.#answer(event.EventId, at, { state: "done" });
    else this.#calls.set(id, event.EventId);
  }

  #raise(name: string, input: string | null, at: number): void {
    const task = this.#calls.get(name);
    if (task === undefined) return this.#happened("event", name, at, { state: "done", input });
    const { result, exceptionType }: { result?: string; exceptionType?: string } = JSON.parse(input ?? "{}");
    if (exceptionType === undefined) this.#answer(task, at, { state: "done", result: result ?? null });
    else this.#answer(task, at, { state: "failed", error: result ?? exceptionType });
  }

  #suspend(reason: string, at: number): void {
    this.#pause = this.#draft("pause", reason === "" ? "suspended" : `suspended: ${reason}`, null);
    this.#pause.bars.push({ kind: "work", from: at, to: null, state: this.#live ? "waiting" : "abandoned" });
  }

  #resume(at: number): void {
    const bar = this.#pause?.bars.pop();
    if (bar) this.#pause?.bars.push({ ...bar, to: at, state: "done" });
    this.#pause = undefined;
  }

  #draft(kind: Row["kind"], name: string, task: number | null): Draft {
    const bars: Bar[] = [];
    const draft: Draft = { bars, row: () => ({ kind, name, task, state: stateOf(bars), bars }) };
    this.rows.push(draft);
    return draft;
  }
}

/** That of the last attempt: a timer behind it is only the library giving up. */
const stateOf = (bars: readonly Bar[]): BarState => {
  const last = bars.at(-1);
  if (last?.kind === "retry" && last.state === "waiting") return "waiting";
  return bars.findLast(({ kind }) => kind === "work")?.state ?? "done";
};

/** An activity has one argument; the history keeps a list. */
function argumentOf(input: string | null): string | null {
  return input?.startsWith("[") && input.endsWith("]") ? input.slice(1, -1) : input;
}

const errorOf = ({ Reason, Details }: { Reason: string; Details: string }): string =>
  Details === "" || Reason.includes(Details) ? Reason : `${Reason}\n\n${Details}`;
