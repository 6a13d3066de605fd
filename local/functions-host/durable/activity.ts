import { type RegisteredFunction, triggerOf } from "../core-api.ts";
import type { Invoker } from "../invocation.ts";
import { jsonOf, type TypedData } from "../typed-data.ts";
import { activityFailure, unknownFunction } from "./failures.ts";
import { type CompletionEvent, EventType, stamped } from "./history.ts";
import { type Effects, noEffects } from "./outcome.ts";
import { warnOfLarge } from "./payload.ts";
import type { Store, WorkItem } from "./store.ts";

export interface ActivityContext {
  readonly store: Store;
  readonly invoker: Invoker;
  readonly now: () => number;
  readonly find: (name: string) => RegisteredFunction | undefined;
  /** Input bindings besides the trigger. */
  readonly inputs: (fn: RegisteredFunction) => Record<string, TypedData>;
  readonly warn: (message: string) => void;
}

/** Runs one work item, at least once over all lives of the host, and sends the answer to its orchestration. */
export async function runActivity(number: number, context: ActivityContext): Promise<Effects> {
  const { store } = context;
  const item = store.work(number);
  if (!item) return noEffects();
  const answer = await answerTo(item, context);
  if (!store.db.isOpen) return noEffects();
  return store.db.write(() => {
    if (!store.deleteWork(number)) return noEffects();
    store.send(item.instance, stamped(answer, context.now()), item.execution);
    return { instances: [item.instance], work: [] };
  });
}

async function answerTo(item: WorkItem, context: ActivityContext): Promise<CompletionEvent> {
  try {
    const Result = await call(item, context);
    warnOfLarge(`input of activity ${item.name}`, item.input, context.warn);
    warnOfLarge(`result of activity ${item.name}`, Result, context.warn);
    return { EventType: EventType.TaskCompleted, TaskScheduledId: item.task, Result };
  } catch (error) {
    return {
      EventType: EventType.TaskFailed,
      TaskScheduledId: item.task,
      ...activityFailure(item.name, error),
    };
  }
}

async function call(item: WorkItem, context: ActivityContext): Promise<string | null> {
  const fn = context.find(item.name);
  if (!fn) throw new Error(unknownFunction(item.name, "activity"));
  const inputs = { [triggerOf(fn).name]: triggerData(item.input), ...context.inputs(fn) };
  const response = await context.invoker.invoke(fn, {
    inputs,
    triggerMetadata: { instanceId: textData(item.instance) },
  });
  return jsonOf(response.returnValue);
}

/** As the extension converts it: a JSON string is passed as its text, anything else as JSON text, null as nothing. */
function triggerData(input: string | null): TypedData {
  if (input === null || input === "null") return {};
  if (!input.startsWith('"')) return { string: input };
  const text: string = JSON.parse(input);
  return { string: text };
}

/**
 * The worker reads a text as JSON where it can, and takes it as it is where it cannot. An exception for each activity is
 * dear, so what cannot be JSON goes as a text that can.
 */
function textData(value: string): TypedData {
  return /^\s*(?:["[{]|true|false|null|[-+.\deE]+\s*$)/.test(value)
    ? { string: value }
    : { json: JSON.stringify(value) };
}
