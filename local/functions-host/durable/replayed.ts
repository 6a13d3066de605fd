import { EventType, type HistoryEvent } from "./history.ts";

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
export function triggerWith(rest: Record<string, unknown>, history: readonly ReplayedEvent[]): object {
  return Object.defineProperty({ ...rest }, "history", { value: history });
}
