import { EventType, type HistoryEvent } from "./history.ts";
import { TIMER_LIMITS } from "./planner.ts";
import type { Instance } from "./store.ts";

/**
 * An event as the library sees it once it has read its trigger: the same values as the JSON text gives, made once instead of
 * in each turn, or a long history would cost its square. Whoever asks for the time gets a Date of their own, since user
 * code may change the one that it is given.
 */
export class ReplayedEvent {
  readonly #time: number;

  constructor({ Timestamp, ...rest }: HistoryEvent) {
    this.#time = Date.parse(Timestamp);
    Object.assign(this, rest);
  }

  get Timestamp(): Date {
    return new Date(this.#time);
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
