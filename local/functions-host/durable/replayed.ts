import { EventType, type HistoryEvent } from "./history.ts";
import { TIMER_LIMITS } from "./planner.ts";
import type { Instance } from "./store.ts";

/**
 * An event as the library sees it once it has read its trigger: the same values as the JSON text gives, made once instead of
 * in each turn, or a long history would cost its square. All have the same properties, whatever the event, since V8 reads those
 * of one shape several times as fast, and the library reads each event in each turn. What it does not read is left out.
 */
export class ReplayedEvent {
  readonly EventType: number;
  readonly EventId: number;
  readonly IsPlayed: boolean;
  readonly TaskScheduledId: unknown;
  readonly TimerId: unknown;
  readonly Name: unknown;
  readonly Version: unknown;
  readonly Input: unknown;
  readonly Result: unknown;
  readonly Reason: unknown;
  readonly Details: unknown;
  readonly FailureDetails: unknown;
  readonly #time: number;
  #handedOut: Date;

  constructor({ EventType: type, EventId, IsPlayed, Timestamp, ...rest }: HistoryEvent) {
    const body: Readonly<Record<string, unknown>> = rest;
    this.EventType = type;
    this.EventId = EventId;
    this.IsPlayed = IsPlayed;
    this.TaskScheduledId = body["TaskScheduledId"];
    this.TimerId = body["TimerId"];
    this.Name = body["Name"];
    this.Version = body["Version"];
    this.Input = body["Input"];
    this.Result = body["Result"];
    this.Reason = body["Reason"];
    this.Details = body["Details"];
    this.FailureDetails = body["FailureDetails"];
    this.#time = Date.parse(Timestamp);
    this.#handedOut = new Date(this.#time);
  }

  /** User code may have changed the one that it was given. */
  get Timestamp(): Date {
    if (this.#handedOut.getTime() !== this.#time) this.#handedOut = new Date(this.#time);
    return this.#handedOut;
  }
}

/** Of what was asked for and of where a turn ended the library learns nothing: it passes over such events. */
const PASSED_OVER: ReadonlySet<number> = new Set([
  EventType.TaskScheduled,
  EventType.SubOrchestrationInstanceCreated,
  EventType.TimerCreated,
  EventType.OrchestratorCompleted,
]);

export const replayed = (events: readonly HistoryEvent[]): ReplayedEvent[] =>
  events.filter((event) => !PASSED_OVER.has(event.EventType)).map((event) => new ReplayedEvent(event));

/**
 * What an orchestrator's trigger holds once its text is parsed. The history is not enumerable: the library looks through all
 * that is, in each turn, for times that are still text.
 */
export function triggerValue(
  { id, input, parent }: Pick<Instance, "id" | "input"> & { readonly parent: { readonly id: string } | null },
  history: readonly ReplayedEvent[],
  isReplaying: boolean,
): object {
  const rest = {
    input: JSON.parse(input ?? "null"),
    instanceId: id,
    isReplaying,
    parentInstanceId: parent?.id ?? null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 2,
    longRunningTimerIntervalDuration: timeSpanText(TIMER_LIMITS.piece),
    maximumShortTimerDuration: timeSpanText(TIMER_LIMITS.longest),
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  };
  return Object.defineProperty(rest, "history", { value: history });
}

/** .NET's TimeSpan text for whole days. */
const timeSpanText = (duration: number): string => `${duration / 86_400_000}.00:00:00`;
