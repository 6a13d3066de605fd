import { randomUUID } from "node:crypto";
import type { Decision, OperationDecision } from "./decision.ts";
import { type EntityRequest, EventType, type HistoryEvent, stamped } from "./history.ts";
import { hasEnded, type Instance, type Mail, type Store } from "./store.ts";
import type { Finish, Outcome } from "./turn.ts";

/** What a change of the store gives others to do. */
export interface Effects {
  /** Instances that have mail, and entities that are asked for something. */
  readonly instances: string[];
  /** Numbers of work items; they may start only once the change is durable. */
  readonly work: number[];
}

export const noEffects = (): Effects => ({ instances: [], work: [] });

/** Carries out what a turn decided. Runs inside `db.write`. */
export function applyOutcome(store: Store, before: Instance, outcome: Outcome, now: number): Effects {
  const instance = store.instance(before.id);
  const effects = noEffects();
  // Purged, restarted or rewound while the turn ran: its decision belongs to a run that is no more.
  if (!instance || instance.execution !== before.execution || instance.updated !== before.updated)
    return effects;
  store.discard(instance.id, outcome.consumed);
  switch (outcome.kind) {
    case "nothing":
      break;
    case "suspend":
      store.appendHistory(instance, outcome.events);
      store.holdTimers(instance.id, true);
      store.updateInstance({ ...instance, status: "Suspended", updated: now });
      break;
    case "go on":
      goOn(store, instance, outcome, now, effects);
      break;
    case "start anew":
      startAnew(store, instance, outcome, now, effects);
      break;
    case "finish":
      finish(store, instance, outcome, now, effects);
      break;
    default:
      outcome satisfies never;
  }
  return effects;
}

interface NewInstance {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly input: string | null;
  readonly parent: Instance["parent"];
}

/** Puts a new instance in the place of an ended one, or of none. False when a live one is in the way. */
export function createInstance(store: Store, start: NewInstance, now: number): boolean {
  const old = store.instance(start.id);
  if (old && !hasEnded(old.status)) return false;
  const instance: Instance = {
    ...start,
    status: "Pending",
    output: null,
    customStatus: null,
    created: now,
    updated: now,
    execution: newId(),
  };
  if (old) store.deleteInstance(old.id);
  store.addInstance(instance);
  sendStart(store, instance, now);
  return true;
}

export const newId = (): string => randomUUID().replaceAll("-", "");

function sendStart(store: Store, instance: Instance, now: number): void {
  const { parent } = instance;
  const message = stamped(
    {
      EventType: EventType.ExecutionStarted,
      Name: instance.name,
      Version: instance.version,
      Input: instance.input,
      ParentInstance: parent ? { OrchestrationInstance: { InstanceId: parent.id } } : null,
    },
    now,
  );
  store.send(instance.id, message, instance.execution);
}

function goOn(
  store: Store,
  instance: Instance,
  outcome: Extract<Outcome, { kind: "go on" }>,
  now: number,
  effects: Effects,
): void {
  const { plan } = outcome;
  for (const task of plan.canceled) store.cancelTimer(instance.id, task);
  const scheduled = plan.decisions.map((task) => schedule(store, instance, task, now, effects));
  const completed = stamped({ EventType: EventType.OrchestratorCompleted }, now);
  store.appendHistory(instance, [...outcome.events, ...scheduled, completed]);
  if (instance.status === "Suspended") store.holdTimers(instance.id, false);
  store.updateInstance({
    ...instance,
    status: "Running",
    customStatus: outcome.customStatus,
    updated: now,
  });
}

function schedule(
  store: Store,
  instance: Instance,
  task: Decision,
  now: number,
  effects: Effects,
): HistoryEvent {
  const common = { EventId: task.id, ...(task.retryOf === undefined ? {} : { RetryOf: task.retryOf }) };
  switch (task.kind) {
    case "activity": {
      const { input } = task;
      effects.work.push(
        store.addWork({
          instance: instance.id,
          execution: instance.execution,
          task: task.id,
          name: task.name,
          input,
        }),
      );
      const Input = input === null ? null : `[${input}]`;
      return stamped({ EventType: EventType.TaskScheduled, ...common, Name: task.name, Input }, now);
    }
    case "timer": {
      if (!task.canceled) store.setTimer(instance, task.id, Math.ceil(task.fireAt));
      const FireAt = new Date(task.fireAt).toISOString();
      return stamped({ EventType: EventType.TimerCreated, ...common, FireAt }, now);
    }
    case "child":
      return startChild(store, instance, task, common, now, effects);
    case "operation":
      return askEntity(store, instance, task, now, effects);
  }
}

function askEntity(
  store: Store,
  instance: Instance,
  { id: EventId, entity, name, input, signal }: OperationDecision,
  now: number,
  effects: Effects,
): HistoryEvent {
  const request: EntityRequest = {
    op: name,
    ...(signal ? { signal } : {}),
    ...(input === null ? {} : { input }),
    id: randomUUID(),
    parent: instance.id,
    parentExecution: instance.execution,
  };
  const caller = signal ? null : { instance: instance.id, execution: instance.execution };
  store.entities.ask({ entity, request: request.id, name, input, caller });
  effects.instances.push(entity);
  const Input = JSON.stringify(request);
  return stamped({ EventType: EventType.EventSent, EventId, Name: "op", InstanceId: entity, Input }, now);
}

function startChild(
  store: Store,
  instance: Instance,
  task: Extract<Decision, { kind: "child" }>,
  common: { EventId: number; RetryOf?: number },
  now: number,
  effects: Effects,
): HistoryEvent {
  const id = task.instanceId ?? `${instance.execution}:${task.id}`;
  const { input } = task;
  const parent = { id: instance.id, execution: instance.execution, task: task.id };
  const start = { id, name: task.name, version: task.version ?? "", input, parent };
  if (createInstance(store, start, now)) effects.instances.push(id);
  else {
    const Reason = `An orchestration instance with the id '${id}' is already running`;
    const body = {
      EventType: EventType.SubOrchestrationInstanceFailed,
      TaskScheduledId: task.id,
      Reason,
      Details: Reason,
    };
    store.send(instance.id, stamped(body, now), instance.execution);
    effects.instances.push(instance.id);
  }
  return stamped(
    {
      EventType: EventType.SubOrchestrationInstanceCreated,
      ...common,
      Name: task.name,
      InstanceId: id,
      Input: input,
    },
    now,
  );
}

/** A new execution of the same instance, with an empty history. Events wait in the inbox for whoever comes. */
function startAnew(
  store: Store,
  instance: Instance,
  outcome: Extract<Outcome, { kind: "start anew" }>,
  now: number,
  effects: Effects,
): void {
  const next: Instance = {
    ...instance,
    status: "Running",
    input: outcome.input,
    customStatus: outcome.customStatus,
    updated: now,
    execution: newId(),
  };
  for (const task of outcome.operations) askEntity(store, instance, task, now, effects);
  store.deleteHistory(instance.id);
  store.deleteTimers(instance.id);
  store.updateInstance(next);
  sendStart(store, next, now);
  effects.instances.push(instance.id);
}

function finish(
  store: Store,
  instance: Instance,
  outcome: Finish & { consumed: readonly Mail[] },
  now: number,
  effects: Effects,
): void {
  const { status, output, customStatus } = outcome;
  const asked = outcome.operations.map((task) => askEntity(store, instance, task, now, effects));
  const ending = [
    stamped({ EventType: EventType.ExecutionCompleted, OrchestrationStatus: status, Result: output }, now),
    stamped({ EventType: EventType.OrchestratorCompleted }, now),
  ];
  store.appendHistory(instance, [...outcome.events, ...asked, ...ending]);
  store.deleteTimers(instance.id);
  store.updateInstance({ ...instance, status, output, customStatus, updated: now });
  const { parent } = instance;
  if (!parent) return;
  const TaskScheduledId = parent.task;
  const message = outcome.failure
    ? stamped(
        { EventType: EventType.SubOrchestrationInstanceFailed, TaskScheduledId, ...outcome.failure },
        now,
      )
    : stamped(
        { EventType: EventType.SubOrchestrationInstanceCompleted, TaskScheduledId, Result: output },
        now,
      );
  store.send(parent.id, message, parent.execution);
  effects.instances.push(parent.id);
}
