/** Numbers of the Durable Task history, as `durable-functions` 3 reads them. */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  GenericEvent: 17,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

export interface FailureDetails {
  ErrorType: string;
  ErrorMessage: string;
  StackTrace: string | null;
  IsNonRetriable: boolean;
  Properties: unknown;
  InnerFailure: FailureDetails | null;
}

/** What a failed task tells its orchestrator. */
export interface Failure {
  Reason: string;
  Details: string;
  FailureDetails?: FailureDetails;
}

/** A task that an orchestrator asked for: its EventId is the task's number, see task-plan.ts. */
export type ScheduledEvent =
  | (Scheduled & { EventType: typeof EventType.TaskScheduled; Name: string; Input: string | null })
  | (Scheduled & {
      EventType: typeof EventType.SubOrchestrationInstanceCreated;
      Name: string;
      InstanceId: string;
      Input: string | null;
    })
  | (Scheduled & { EventType: typeof EventType.TimerCreated; FireAt: string })
  | (Scheduled & {
      EventType: typeof EventType.EventSent;
      Name: "op";
      /** Of the entity: "@name@key". */
      InstanceId: string;
      /** JSON of an EntityRequest. */
      Input: string;
    });

/** An operation on its way to an entity. */
export interface EntityRequest {
  op: string;
  /** Nobody waits for an answer. */
  signal?: boolean;
  /** JSON text. */
  input?: string;
  /** The answer comes as an event of this name. */
  id: string;
  parent: string;
  parentExecution: string;
}

export const isScheduled = (event: HistoryEvent): event is Stamp & ScheduledEvent =>
  event.EventType === EventType.TaskScheduled ||
  event.EventType === EventType.SubOrchestrationInstanceCreated ||
  event.EventType === EventType.TimerCreated ||
  event.EventType === EventType.EventSent;

interface Scheduled {
  EventId: number;
  /** The number of the first attempt, on every attempt of a retried task and on the timers between. Ours, for rewind. */
  RetryOf?: number;
}

/** The answer to a scheduled task. */
export type CompletionEvent =
  | { EventType: typeof EventType.TaskCompleted; TaskScheduledId: number; Result: string | null }
  | ({ EventType: typeof EventType.TaskFailed; TaskScheduledId: number } & Failure)
  | {
      EventType: typeof EventType.SubOrchestrationInstanceCompleted;
      TaskScheduledId: number;
      Result: string | null;
    }
  | ({ EventType: typeof EventType.SubOrchestrationInstanceFailed; TaskScheduledId: number } & Failure)
  | { EventType: typeof EventType.TimerFired; TimerId: number; FireAt: string };

export interface EventRaised {
  EventType: typeof EventType.EventRaised;
  Name: string;
  /** JSON text. */
  Input: string | null;
}

/** Anything that can wake an orchestration. */
export type MessageBody =
  | CompletionEvent
  | EventRaised
  | {
      EventType: typeof EventType.ExecutionStarted;
      Name: string;
      Version: string;
      Input: string | null;
      ParentInstance: { OrchestrationInstance: { InstanceId: string } } | null;
    }
  | { EventType: typeof EventType.ExecutionTerminated; Input: string }
  | { EventType: typeof EventType.ExecutionSuspended; Reason: string }
  | { EventType: typeof EventType.ExecutionResumed; Reason: string }
  | { EventType: typeof EventType.GenericEvent; Data: string };

type EventBody =
  | MessageBody
  | ScheduledEvent
  | { EventType: typeof EventType.OrchestratorStarted }
  | { EventType: typeof EventType.OrchestratorCompleted }
  | { EventType: typeof EventType.ExecutionCompleted; OrchestrationStatus: string; Result: string | null };

interface Stamp {
  /** -1 except for scheduled tasks. */
  EventId: number;
  IsPlayed: boolean;
  /** ISO 8601. */
  Timestamp: string;
}

/** As it is stored and as the library reads it. */
export type HistoryEvent = Stamp & EventBody;
/** As it waits in the inbox. */
export type Message = Stamp & MessageBody;

/** Adds what all events have in common. */
export const stamped = <Body extends EventBody>(body: Body, now: number): Stamp & Body => ({
  EventId: -1,
  IsPlayed: false,
  Timestamp: isoText(now),
  ...body,
});

let newest = { now: 0, text: new Date(0).toISOString() };

/** Many events carry the same instant. */
function isoText(now: number): string {
  if (now !== newest.now) newest = { now, text: new Date(now).toISOString() };
  return newest.text;
}

const names = new Map<number, string>(Object.entries(EventType).map(([name, number]) => [number, name]));
export const eventName = (type: number): string => names.get(type) ?? String(type);
