import { EventType, type HistoryEvent, isScheduled, type ScheduledEvent } from "./history.ts";

/** A sub-orchestration whose failure reached the parent: the last attempt's, when it was retried. */
export interface FailedChild {
  readonly id: string;
  /** Its number in the parent. */
  readonly task: number;
}

export function failedChildren(history: readonly HistoryEvent[]): FailedChild[] {
  return failedGroups(history).flatMap((group) => {
    const last = group.findLast((event) => event.EventType === EventType.SubOrchestrationInstanceCreated);
    return last?.EventType === EventType.SubOrchestrationInstanceCreated
      ? [{ id: last.InstanceId, task: last.EventId }]
      : [];
  });
}

/**
 * The history of a failed orchestration without its failures, so that a replay runs the failed tasks again and only those.
 * A retried task counts as failed when all its attempts did; then its attempts and the timers between them go too.
 * @param rewound numbers of sub-orchestrations that are rewound themselves: they stay asked for, only their failure goes
 */
export function withoutFailures(
  history: readonly HistoryEvent[],
  rewound: ReadonlySet<number>,
): HistoryEvent[] {
  const gone = new Set<number>();
  for (const group of failedGroups(history)) {
    const waited = group.find((event) => rewound.has(event.EventId));
    // The library counts one more timer after the last attempt; it went by at once.
    for (const { EventId: id } of group) if (!waited || id > waited.EventId) gone.add(id);
  }
  return history.filter(
    (event) => !concerns(event, gone) && !(isFailure(event) && rewound.has(event.TaskScheduledId)),
  );
}

/** What was asked for in vain: the attempts of one task and the timers between them belong together. */
function failedGroups(history: readonly HistoryEvent[]): ScheduledEvent[][] {
  const failed = new Set<number>();
  const succeeded = new Set<number>();
  const groups = new Map<number, ScheduledEvent[]>();
  for (const event of history)
    if (isFailure(event)) failed.add(event.TaskScheduledId);
    else if (isSuccess(event)) succeeded.add(event.TaskScheduledId);
    else if (isScheduled(event)) {
      const first = event.RetryOf ?? event.EventId;
      groups.set(first, [...(groups.get(first) ?? []), event]);
    }
  return [...groups.values()].filter(
    (group) =>
      group.some(({ EventId: id }) => failed.has(id)) && !group.some(({ EventId: id }) => succeeded.has(id)),
  );
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
