import { type Action, ActionType, actionName, type RetryOptions } from "./action.ts";
import {
  checkSame,
  type Decision,
  encoded,
  jsonText,
  refuseMissing,
  requestOf,
  type TaskProps,
} from "./decision.ts";
import {
  EventType,
  type EventRaised,
  type HistoryEvent,
  isScheduled,
  type ScheduledEvent,
} from "./history.ts";

export interface TaskPlan {
  readonly decisions: readonly Decision[];
  /** Pending timers that the orchestrator has cancelled. */
  readonly canceled: readonly number[];
  /** Tasks without an answer, cancelled timers and calls of entities aside. An instance ends only when there are none. */
  readonly open: number;
  readonly continueAsNew: { readonly input: string | null } | undefined;
  /** Events that came after the decision to continue as new: they belong to the next generation. */
  readonly carryOver: readonly EventRaised[];
  /** Events that were delivered and that nobody waited for. continueAsNew loses them, as on Azure. */
  readonly unconsumed: readonly EventRaised[];
}

export interface TimerLimits {
  /** A longer timer is made of pieces. Milliseconds. */
  readonly longest: number;
  readonly piece: number;
}

interface Node {
  done: boolean;
  failed: boolean;
  readonly parent: Group | undefined;
}

interface Group extends Node {
  settled(child: Node): void;
}

/** A task with a number. */
interface Leaf extends Node {
  readonly id: number;
  readonly props: TaskProps;
}

type EntityAction = Extract<Action, { operation: string }>;

/**
 * Finds the numbers that `durable-functions` gave its tasks, and what is new since the history was written.
 *
 * Actions carry no numbers. The library counts tasks when they are yielded, and again during replay for each retry and each
 * piece of a long timer, so the same numbers come out only by walking actions and history together, exactly as
 * TaskOrchestrationExecutor, RetryableTask and LongTimerTask of durable-functions 3.5 do.
 */
export class TaskWalk {
  #actions: readonly Action[];
  readonly #limits: TimerLimits;
  /** What history says was asked for, by task number; emptied as the walk meets it. */
  readonly #asked = new Map<number, { event: ScheduledEvent; position: number }>();
  #decisions: Decision[] = [];
  readonly #open = new Map<number, Leaf>();
  /** Calls of entities that were sent, by the name of the event that answers. */
  readonly #calls = new Map<string, Leaf>();
  readonly #waiting = new Map<string, Node[]>();
  readonly #buffered = new Map<string, EventRaised[]>();
  readonly #carryOver: EventRaised[] = [];
  #ids = 0;
  /** The newest time at which a turn began, as text: it is only asked for by timers and retries. */
  #turnBegan = "";
  #next = 0;
  #current: Node | undefined;
  #continueAsNew: TaskPlan["continueAsNew"];

  /** @param history what stands in it was asked for before */
  constructor(actions: readonly Action[], history: readonly HistoryEvent[], limits: TimerLimits) {
    this.#actions = actions;
    this.#limits = limits;
    for (const [position, event] of history.entries())
      if (isScheduled(event)) this.#asked.set(event.EventId, { event, position });
  }

  /** For the next turn, whose actions begin with those of this one, and whose decisions were all carried out. */
  goOn(actions: readonly Action[]): this {
    this.#actions = actions;
    this.#decisions = [];
    return this;
  }

  /** Whether nothing starts until something that is waited for has come. */
  get isWaiting(): boolean {
    return this.#current !== undefined && !this.#current.done;
  }

  /** @throws NonDeterminism naming what was expected, what was found and where; TypeError for an input that JSON cannot say */
  walk(events: readonly HistoryEvent[]): TaskPlan {
    for (const event of events) if (this.#feed(event)) this.#advance();
    this.#checkAllAskedAgain();
    const open = [...this.#open.values()];
    const canceled = open.filter(({ props }) => props.kind === "timer" && props.canceled);
    return {
      decisions: this.#decisions,
      canceled: canceled.map((task) => task.id),
      open: open.length - canceled.length,
      continueAsNew: this.#continueAsNew,
      carryOver: this.#carryOver,
      unconsumed: [...this.#buffered.values()].flat(),
    };
  }

  /** True when user code may run on. */
  #feed(event: HistoryEvent): boolean {
    const { EventType: type } = event;
    if (type === EventType.OrchestratorStarted && event.Timestamp > this.#turnBegan)
      this.#turnBegan = event.Timestamp;
    if (type === EventType.ExecutionStarted) return true;
    if (type === EventType.EventRaised) return this.#raise(event);
    if (type === EventType.TimerFired) return this.#answer(event.TimerId, false);
    if (type === EventType.TaskCompleted || type === EventType.SubOrchestrationInstanceCompleted)
      return this.#answer(event.TaskScheduledId, false);
    if (type === EventType.TaskFailed || type === EventType.SubOrchestrationInstanceFailed)
      return this.#answer(event.TaskScheduledId, true);
    return false;
  }

  get #now(): number {
    return Date.parse(this.#turnBegan);
  }

  #answer(id: number, failed: boolean): boolean {
    const leaf = this.#open.get(id);
    if (!leaf) return false;
    this.#open.delete(id);
    settle(leaf, failed);
    return true;
  }

  #raise(event: EventRaised): boolean {
    const call = this.#calls.get(event.Name);
    if (call) {
      settle(call, isError(event));
      return true;
    }
    if (this.#continueAsNew) {
      this.#carryOver.push(event);
      return false;
    }
    // Newest waiter first, as the library does.
    const waiter = this.#waiting.get(event.Name)?.pop();
    if (waiter) settle(waiter, false);
    else push(this.#buffered, event.Name, event);
    return true;
  }

  /** Starts the next actions for as long as nothing is waited for. */
  #advance(): void {
    while (!this.#current || this.#current.done) {
      const action = this.#actions[this.#next];
      if (!action) return;
      this.#next++;
      this.#current = this.#start(action, undefined);
    }
  }

  #start(action: Action, parent: Group | undefined): Node {
    switch (action.actionType) {
      case ActionType.CallActivity:
        return this.#leaf(activityOf(action), parent);
      case ActionType.CallSubOrchestrator:
        return this.#leaf(childOf(action), parent);
      case ActionType.CallActivityWithRetry:
        return this.#retried(activityOf(action), action.retryOptions, parent);
      case ActionType.CallSubOrchestratorWithRetry:
        return this.#retried(childOf(action), action.retryOptions, parent);
      case ActionType.CreateTimer:
        return this.#timer(new Date(action.fireAt).getTime(), action.isCanceled, parent);
      case ActionType.CallEntity:
      case ActionType.SignalEntity:
        return this.#operation(action, parent);
      case ActionType.WaitForExternalEvent:
        return this.#wait(action.externalEventName, parent);
      case ActionType.WhenAll:
        return this.#all(action.compoundActions, parent);
      case ActionType.WhenAny:
        return this.#any(action.compoundActions, parent);
      case ActionType.ContinueAsNew:
        this.#continueAsNew = { input: jsonText(action.input) };
        return { done: true, failed: false, parent };
      default:
        return unsupported(action);
    }
  }

  #leaf(props: TaskProps, parent: Group | undefined, retryOf?: number | "self"): Leaf {
    const leaf = this.#numbered(props, parent, retryOf).leaf;
    this.#open.set(leaf.id, leaf);
    return leaf;
  }

  /** An entity's answer comes as an event, and nothing waits for it at the end; of a signal there is none. */
  #operation(action: EntityAction, parent: Group | undefined): Node {
    const { instanceId: entity, operation: name, input } = action;
    const signal = action.actionType === ActionType.SignalEntity;
    const { leaf, asked } = this.#numbered({ kind: "operation", entity, name, input, signal }, parent);
    if (signal) leaf.done = true;
    else if (asked?.EventType === EventType.EventSent) this.#calls.set(requestOf(asked).id, leaf);
    return leaf;
  }

  #numbered(
    props: TaskProps,
    parent: Group | undefined,
    retryOf?: number | "self",
  ): { leaf: Leaf; asked: ScheduledEvent | undefined } {
    const id = this.#ids++;
    const leaf: Leaf = { done: false, failed: false, parent, id, props };
    const asked = this.#asked.get(id);
    if (asked) {
      this.#asked.delete(id);
      checkSame(asked.event, asked.position, props);
    } else {
      const first = retryOf === "self" ? id : retryOf;
      this.#decisions.push({ id, ...(first === undefined ? {} : { retryOf: first }), ...encoded(props) });
    }
    return { leaf, asked: asked?.event };
  }

  /** Attempt, timer, attempt, ...: also after the last failure the library counts one more timer before it gives up. */
  #retried(props: TaskProps, options: RetryOptions, parent: Group | undefined): Node {
    if (options.retryTimeoutInMilliseconds !== undefined)
      throw new Error("retryTimeoutInMilliseconds leaves the orchestration stuck on Azure; do not use it");
    let attempts = 1;
    let onTimer = false;
    const group: Group = {
      done: false,
      failed: false,
      parent,
      settled: (child) => {
        const last = attempts >= options.maxNumberOfAttempts;
        if (onTimer) {
          onTimer = false;
          if (last) return settle(group, true);
          attempts++;
          this.#leaf(props, group, first.id);
        } else if (child.failed) {
          onTimer = true;
          const fireAt = this.#now + (last ? 0 : retryDelay(options, attempts));
          this.#leaf({ kind: "timer", fireAt, canceled: false }, group, first.id);
        } else settle(group, false);
      },
    };
    const first = this.#leaf(props, group, "self");
    return group;
  }

  #timer(fireAt: number, canceled: boolean, parent: Group | undefined): Node {
    const { longest, piece } = this.#limits;
    if (fireAt - this.#now <= longest) return this.#leaf({ kind: "timer", fireAt, canceled }, parent);
    const addPiece = () => {
      const end = fireAt - this.#now > longest ? this.#now + piece : fireAt;
      this.#leaf({ kind: "timer", fireAt: end, canceled }, group);
    };
    const group: Group = {
      done: false,
      failed: false,
      parent,
      settled: () => {
        if (fireAt > this.#now) addPiece();
        else settle(group, false);
      },
    };
    addPiece();
    return group;
  }

  /** Takes no number. An event that came early is taken at once, oldest first. */
  #wait(name: string, parent: Group | undefined): Node {
    const node: Node = { done: false, failed: false, parent };
    if (this.#buffered.get(name)?.shift()) node.done = true;
    else push(this.#waiting, name, node);
    return node;
  }

  #all(actions: readonly Action[], parent: Group | undefined): Node {
    const children: Node[] = [];
    const complete = () => children.length === actions.length && children.every((child) => child.done);
    const group: Group = {
      done: false,
      failed: false,
      parent,
      settled: (child) => {
        if (child.failed) settle(group, true);
        else if (complete()) settle(group, false);
      },
    };
    for (const action of actions) children.push(this.#start(action, group));
    if (complete()) group.done = true;
    return group;
  }

  #any(actions: readonly Action[], parent: Group | undefined): Node {
    const group: Group = { done: false, failed: false, parent, settled: () => settle(group, false) };
    const children = actions.map((action) => this.#start(action, group));
    if (children.some((child) => child.done)) group.done = true;
    return group;
  }

  #checkAllAskedAgain(): void {
    for (const { event, position } of this.#asked.values()) refuseMissing(event, position);
  }
}

/** As the library tells an entity's error from its result. */
function isError(event: EventRaised): boolean {
  const answer: { exceptionType?: unknown } = JSON.parse(event.Input ?? "{}");
  return typeof answer.exceptionType === "string";
}

function settle(node: Node, failed: boolean): void {
  if (node.done) return;
  node.done = true;
  node.failed = failed;
  node.parent?.settled(node);
}

const retryDelay = (options: RetryOptions, attempts: number): number =>
  Math.min(
    options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (attempts - 1),
    options.maxRetryIntervalInMilliseconds ?? Number.POSITIVE_INFINITY,
  );

const activityOf = (action: { functionName: string; input?: unknown }): TaskProps => ({
  kind: "activity",
  name: action.functionName,
  input: action.input,
});

const childOf = (action: {
  functionName: string;
  input?: unknown;
  instanceId?: string;
  version?: string;
}): TaskProps => ({
  kind: "child",
  name: action.functionName,
  input: action.input,
  ...(action.instanceId ? { instanceId: action.instanceId } : {}),
  ...(action.version ? { version: action.version } : {}),
});

function unsupported(action: never): never {
  const { actionType }: { actionType: number } = action;
  throw new Error(`${actionName(actionType)} is not emulated by the local Functions host`);
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
