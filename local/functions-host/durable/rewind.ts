import { EventType, type HistoryEvent, isScheduled } from "./history.ts";

/**
 * The history of a failed orchestration without its failures, so that a replay runs the failed tasks again and only those.
 * A retried task counts as failed when all its attempts did; then its attempts and the timers between them go too.
 */
export function withoutFailures(history: readonly HistoryEvent[]): HistoryEvent[] {
  const failed = new Set<number>();
  const succeeded = new Set<number>();
  for (const event of history)
    if (isFailure(event)) failed.add(event.TaskScheduledId);
    else if (isSuccess(event)) succeeded.add(event.TaskScheduledId);
  const groups = groupsOf(history);
  const gone = new Set<number>();
  for (const [id, first] of groups) {
    const members = [...groups].filter(([, other]) => other === first).map(([member]) => member);
    const failedForGood = members.some((m) => failed.has(m)) && !members.some((m) => succeeded.has(m));
    if (failedForGood) gone.add(id);
  }
  return history.filter((event) => !concerns(event, gone));
}

/** The first attempt's number, by the number of each task. */
function groupsOf(history: readonly HistoryEvent[]): Map<number, number> {
  const groups = new Map<number, number>();
  for (const event of history)
    if (isScheduled(event)) groups.set(event.EventId, event.RetryOf ?? event.EventId);
  return groups;
}

const isFailure = (event: HistoryEvent) =>
  event.EventType === EventType.TaskFailed || event.EventType === EventType.SubOrchestrationInstanceFailed;

const isSuccess = (event: HistoryEvent) =>
  event.EventType === EventType.TaskCompleted ||
  event.EventType === EventType.SubOrchestrationInstanceCompleted;

function concerns(event: HistoryEvent, gone: ReadonlySet<number>): boolean {
  if (event.EventType === EventType.ExecutionCompleted) return true;
  if (isScheduled(event)) return gone.has(event.EventId);
  if (isFailure(event) || isSuccess(event)) return gone.has(event.TaskScheduledId);
  return event.EventType === EventType.TimerFired && gone.has(event.TimerId);
}
