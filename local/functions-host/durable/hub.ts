import path from "node:path";
import type { Clock } from "../../../engine/core/clock.ts";
import { type RegisteredFunction, triggerOf } from "../core-api.ts";
import type { Invoker } from "../invocation.ts";
import type { TypedData } from "../typed-data.ts";
import { runActivity } from "./activity.ts";
import { type Action, ActionType, isState } from "./action.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Decision } from "./decision.ts";
import { Entities } from "./entities.ts";
import { runOperations } from "./entity.ts";
import { entityOf, isEntityId } from "./entity-store.ts";
import { isRecord, unknownFunction } from "./failures.ts";
import { Instances } from "./instances.ts";
import { applyOutcome, type Effects, noEffects } from "./outcome.ts";
import { Store } from "./store.ts";
import { decideTurn } from "./turn.ts";

export interface HubOptions {
  /** Folder of the state. */
  readonly data: string;
  readonly clock: Clock;
  readonly invoker: Invoker;
  readonly maxOrchestrations: number;
  readonly maxActivities: number;
  readonly entityBatchSize: number;
  /** Input bindings besides the trigger. */
  readonly inputs: (fn: RegisteredFunction) => Record<string, TypedData>;
  readonly warn: (message: string) => void;
}

export type DurableTrigger = "orchestrationtrigger" | "activitytrigger" | "entitytrigger";

/** The task hub: durable state, what runs on it, and the commands that reach it. */
export class TaskHub {
  readonly store: Store;
  readonly instances: Instances;
  readonly entities: Entities;
  readonly dispatcher: Dispatcher;
  readonly #o: HubOptions;
  readonly #orchestrators = new Map<string, RegisteredFunction>();
  readonly #activities = new Map<string, RegisteredFunction>();
  readonly #entities = new Map<string, RegisteredFunction>();

  constructor(options: HubOptions) {
    this.#o = options;
    this.store = new Store(path.join(options.data, "host.db"));
    this.dispatcher = new Dispatcher({
      store: this.store,
      clock: options.clock,
      now: this.now,
      maxOrchestrations: options.maxOrchestrations,
      maxActivities: options.maxActivities,
      turn: (id) => this.#turn(id),
      activity: (number) => this.#activity(number),
    });
    this.instances = new Instances(this.store, this.dispatcher, this.now);
    this.entities = new Entities(this.store, this.dispatcher);
  }

  /** Milliseconds since 1970. */
  readonly now = (): number => Math.floor(this.#o.clock.now() / 1000);

  /** Names match case-insensitively, as in the Durable extension. */
  register(fn: RegisteredFunction, kind: DurableTrigger): void {
    const maps = {
      orchestrationtrigger: this.#orchestrators,
      activitytrigger: this.#activities,
      entitytrigger: this.#entities,
    };
    maps[kind].set(fn.name.toLowerCase(), fn);
  }

  hasOrchestrator(name: string): boolean {
    return this.#orchestrators.has(name.toLowerCase());
  }

  hasEntity(name: string): boolean {
    return this.#entities.has(name.toLowerCase());
  }

  async #turn(id: string): Promise<Effects> {
    if (isEntityId(id)) return runOperations(id, this.#runner(this.#entities));
    const before = this.store.instance(id);
    if (!before) return this.#discardMail(id);
    const mail = this.store.mail(id, this.now());
    const outcome = await decideTurn(before, mail, this.store.past(before), {
      now: this.now,
      call: (name, trigger) => this.#orchestrate(name, trigger),
      refuse: (decision) => this.#refuse(decision),
      warn: (message) => this.#o.warn(message),
    });
    if (!this.store.db.isOpen) return noEffects();
    if (outcome.kind === "nothing" && outcome.consumed.length === 0) return noEffects();
    return this.store.db.write(() => applyOutcome(this.store, before, outcome, this.now()));
  }

  /** Answers to an instance that was purged. */
  #discardMail(id: string): Effects {
    this.store.db.write(() => this.store.deleteInstance(id));
    return noEffects();
  }

  #activity(number: number): Promise<Effects> {
    return runActivity(number, this.#runner(this.#activities));
  }

  /** What activities and entities need to run. */
  #runner(functions: ReadonlyMap<string, RegisteredFunction>) {
    return {
      store: this.store,
      invoker: this.#o.invoker,
      now: this.now,
      batchSize: this.#o.entityBatchSize,
      find: (name: string) => functions.get(name.toLowerCase()),
      inputs: (fn: RegisteredFunction) => this.#o.inputs(fn),
      warn: (message: string) => this.#o.warn(message),
    };
  }

  async #orchestrate(name: string, trigger: object): Promise<unknown> {
    const fn = this.#orchestrators.get(name.toLowerCase());
    if (!fn) throw new Error(unknownFunction(name, "orchestrator"));
    let answer: unknown;
    await this.#o.invoker.invoke(fn, {
      inputs: { [triggerOf(fn).name]: {}, ...this.#o.inputs(fn) },
      trigger,
      take: (result) => (answer = result),
      unlimited: true,
    });
    this.#warnOfSharedTasks(name, answer);
    return answer;
  }

  #refuse(task: Decision): string | undefined {
    if (task.kind === "activity" && !this.#activities.has(task.name.toLowerCase()))
      return unknownFunction(task.name, "activity");
    if (task.kind === "child" && !this.hasOrchestrator(task.name))
      return unknownFunction(task.name, "orchestrator");
    if (task.kind === "operation" && !this.hasEntity(entityOf(task.entity).name))
      return unknownFunction(entityOf(task.entity).name, "entity");
    if (task.kind === "child" && isEntityId(task.instanceId ?? ""))
      return `the instance id '${task.instanceId}' begins with @, as those of entities do`;
    return undefined;
  }

  /** A defect of the library (durable-js issue 574), seen here because the same action object stands twice in its answer. */
  #warnOfSharedTasks(name: string, result: unknown): void {
    if (
      isState(result) &&
      result.actions.some((turn) => turn.some(isCompound)) &&
      sharesActions(result.actions, new Set())
    )
      this.#o.warn(
        `orchestrator ${name} yields a pending task again inside another Task.any or Task.all: it is scheduled twice, and ` +
          "results reach the wrong task. Use one compound task, or sub-orchestrations",
      );
  }
}

/** By its number: a look for a property in each turn of a long history is felt. */
const isCompound = ({ actionType }: Action): boolean =>
  actionType >= ActionType.WhenAny && actionType <= ActionType.WhenAll;

/** Waiting again for the same event is harmless: events have no number. */
function sharesActions(node: unknown, seen: Set<unknown>): boolean {
  if (Array.isArray(node)) return node.some((child) => sharesActions(child, seen));
  if (!isRecord(node)) return false;
  if (Array.isArray(node["compoundActions"])) return sharesActions(node["compoundActions"], seen);
  if (seen.has(node)) return node["externalEventName"] === undefined;
  seen.add(node);
  return false;
}
