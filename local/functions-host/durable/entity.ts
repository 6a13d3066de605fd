import { randomUUID } from "node:crypto";
import { messageOf } from "../../../engine/core/errors.ts";
import { type RegisteredFunction, triggerOf } from "../core-api.ts";
import type { Invoker } from "../invocation.ts";
import { jsonOf, type TypedData } from "../typed-data.ts";
import { type Entity, entityId, entityOf, type QueuedOperation } from "./entity-store.ts";
import { unknownFunction } from "./failures.ts";
import { EventType, stamped } from "./history.ts";
import { type Effects, noEffects } from "./outcome.ts";
import { warnOfLarge } from "./payload.ts";
import type { Store } from "./store.ts";

export interface EntityContext {
  readonly store: Store;
  readonly invoker: Invoker;
  readonly now: () => number;
  /** host.json's maxEntityOperationBatchSize. */
  readonly batchSize: number;
  readonly find: (name: string) => RegisteredFunction | undefined;
  /** Input bindings besides the trigger. */
  readonly inputs: (fn: RegisteredFunction) => Record<string, TypedData>;
  readonly warn: (message: string) => void;
}

/** The library's answer to a batch. Trusted: it comes from the pinned library, in this process. */
interface EntityAnswer {
  readonly entityExists: boolean;
  /** JSON text, like results and inputs. */
  readonly entityState?: string | null;
  readonly results: readonly { readonly isError: boolean; readonly result?: string }[];
  readonly signals: readonly {
    readonly target: { readonly name: string; readonly key: string };
    readonly name: string;
    readonly input: string;
  }[];
}

/**
 * Lets an entity do what it is asked for, in order, one batch at a time. New state, answers and signals are stored together:
 * each operation counts once, though it runs again when the host dies before that. Never two batches of one entity at once.
 */
export async function runOperations(id: string, context: EntityContext): Promise<Effects> {
  const { store } = context;
  const batch = store.entities.operations(id, context.batchSize);
  if (batch.length === 0) return noEffects();
  // An operation may act outside, so who asked for it must not be able to change its mind. What is asked for meanwhile is not
  // durable yet, and waits for the next batch.
  await store.db.durable();
  if (!store.db.isOpen) return noEffects();
  const before = store.entities.get(id);
  const answer = await answerTo(id, before, batch, context);
  if (!store.db.isOpen) return noEffects();
  return store.db.write(() => apply(id, batch, answer, context));
}

async function answerTo(
  id: string,
  before: Entity | undefined,
  batch: readonly QueuedOperation[],
  context: EntityContext,
): Promise<EntityAnswer> {
  try {
    const answer = await call(id, before, batch, context);
    warnOfAnswer(id, batch, answer, context);
    return answer;
  } catch (error) {
    const failure = { isError: true, result: JSON.stringify(messageOf(error)) };
    context.warn(`entity '${id}' failed: ${messageOf(error)}`);
    return {
      entityExists: before !== undefined,
      entityState: before?.state ?? null,
      results: batch.map(() => failure),
      signals: [],
    };
  }
}

async function call(
  id: string,
  before: Entity | undefined,
  batch: readonly QueuedOperation[],
  context: EntityContext,
): Promise<EntityAnswer> {
  const self = entityOf(id);
  const fn = context.find(self.name);
  if (!fn) throw new Error(unknownFunction(self.name, "entity"));
  const trigger = JSON.stringify({
    self,
    exists: before !== undefined,
    state: before?.state ?? null,
    batch: batch.map(({ name, input, request, caller }) => ({
      name,
      input,
      id: request,
      isSignal: caller === null,
    })),
  });
  const response = await context.invoker.invoke(fn, {
    inputs: { [triggerOf(fn).name]: { string: trigger }, ...context.inputs(fn) },
  });
  const answer: EntityAnswer = JSON.parse(jsonOf(response.returnValue) ?? "null");
  return answer;
}

function warnOfAnswer(
  id: string,
  batch: readonly QueuedOperation[],
  answer: EntityAnswer,
  { warn }: EntityContext,
): void {
  for (const [i, { name, input }] of batch.entries()) {
    warnOfLarge(`input of operation ${name} of ${id}`, input, warn);
    const result = answer.results[i];
    if (result?.isError) warn(`operation ${name} of entity '${id}' failed`);
    warnOfLarge(`result of operation ${name} of ${id}`, result?.result ?? null, warn);
  }
  warnOfLarge(`state of entity ${id}`, answer.entityState ?? null, warn);
  if (answer.results.length !== batch.length)
    warn(
      `entity '${id}' returned ${answer.results.length} results for ${batch.length} operations: context.df.return was called ` +
        "twice in one operation, and callers get each other's results",
    );
}

function apply(
  id: string,
  batch: readonly QueuedOperation[],
  answer: EntityAnswer,
  { store, now, batchSize }: EntityContext,
): Effects {
  const effects = noEffects();
  if (answer.entityExists) store.entities.put({ id, state: answer.entityState ?? null, updated: now() });
  else store.entities.delete(id);
  for (const [i, operation] of batch.entries()) {
    store.entities.done(operation);
    const { caller, request: Name } = operation;
    if (!caller) continue;
    const { isError = false, result } = answer.results[i] ?? {};
    const Input = JSON.stringify({ result, ...(isError ? { exceptionType: "Error" } : {}) });
    store.send(
      caller.instance,
      stamped({ EventType: EventType.EventRaised, Name, Input }, now()),
      caller.execution,
    );
    effects.instances.push(caller.instance);
  }
  for (const { target, name, input } of answer.signals) {
    const entity = entityId(target.name, target.key);
    store.entities.ask({ entity, request: randomUUID(), name, input: input || null, caller: null });
    effects.instances.push(entity);
  }
  if (batch.length === batchSize) effects.instances.push(id);
  return effects;
}
