import { randomUUID } from "node:crypto";
import type { Clock } from "../../engine/core/clock.ts";
import { type Millis, millis } from "../../engine/core/units.ts";
import {
  type CoreInvocationContext,
  type HookName,
  type InvocationResponse,
  type RegisteredFunction,
  registry,
} from "./core-api.ts";
import type { RetryContext } from "./retry-policy.ts";
import type { TypedData } from "./typed-data.ts";

export interface Invocation {
  /** One value per input binding, by its name. */
  readonly inputs: Record<string, TypedData>;
  /** What the trigger's value is once it is parsed, in place of the one in `inputs`. */
  readonly trigger?: unknown;
  readonly triggerMetadata?: Record<string, TypedData>;
  readonly retryContext?: RetryContext;
  /** Takes what the handler returned, which then is not turned into data. */
  readonly take?: (result: unknown) => void;
  /** An orchestrator is synchronous, nothing can interrupt it. */
  readonly unlimited?: boolean;
}

/** A reason of our own spares the making of an exception for each invocation. */
const OVER = "the function has ended";

/** Calls functions, bounds their time, and knows how many are running. */
export class Invoker {
  running = 0;
  readonly #clock: Clock;
  readonly #limit: Millis | undefined;
  #idle: (() => void)[] = [];

  /** @param limit host.json's functionTimeout; undefined when there is none */
  constructor(clock: Clock, limit: Millis | undefined) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /**
   * One invocation, as the worker does it.
   * @throws what the function threw, or an Error at the time-out; what then goes on in the function is nobody's any more
   */
  async invoke(fn: RegisteredFunction, call: Invocation): Promise<InvocationResponse> {
    this.running++;
    try {
      const id = randomUUID();
      const outcome = runInvocation(fn, id, call);
      return await (this.#limit === undefined || call.unlimited
        ? outcome
        : this.#within(this.#limit, fn, id, outcome));
    } finally {
      this.running--;
      if (this.running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    if (this.running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    await promise;
  }

  async #within<T>(limit: Millis, fn: RegisteredFunction, id: string, outcome: Promise<T>): Promise<T> {
    const finished = new AbortController();
    const expired = this.#clock.sleep(limit, finished.signal).then(() => {
      const text = new Date(limit).toISOString().slice(11, 19);
      throw new Error(`Timeout value of ${text} exceeded by function 'Functions.${fn.name}' (Id: '${id}').`);
    });
    try {
      return await Promise.race([outcome, expired]);
    } finally {
      expired.catch(() => undefined);
      outcome.catch(() => undefined);
      finished.abort(OVER);
    }
  }
}

/** "hh:mm:ss" or "d.hh:mm:ss"; "-1" means no limit. @throws RangeError for anything else */
export function timeSpan(text: string): Millis | undefined {
  if (text === "-1") return undefined;
  const found = /^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})$/.exec(text);
  if (!found) throw new RangeError(`not a time span: ${JSON.stringify(text)}`);
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  return millis(((((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000);
}

/** Hooks around the handler, in the worker's order; they may replace inputs, handler, result and error. */
async function runInvocation(
  fn: RegisteredFunction,
  id: string,
  call: Invocation,
): Promise<InvocationResponse> {
  const { model, appHookData } = registry;
  if (!model) throw new Error("the app has no programming model: it does not load @azure/functions");
  const about: { function: string; context: unknown } = { function: fn.name, context: undefined };
  const core = coreContext(fn, id, call, about);
  const invocation = model.getInvocationModel(core);
  const { context, inputs: parsed } = await invocation.getArguments();
  const inputs = call.trigger === undefined ? parsed : [call.trigger];
  about.context = context;
  const shared = { hookData: {}, appHookData, invocationContext: context };
  const before = { ...shared, functionCallback: fn.callback, inputs };
  await runHooks("preInvocation", core, before);
  const after: { inputs: unknown[]; result: unknown; error: unknown } = {
    inputs: before.inputs,
    result: null,
    error: null,
  };
  core.state = "invocation";
  try {
    after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (error) {
    after.error = error;
  }
  const outcome = Object.assign(after, shared);
  await runHooks("postInvocation", core, outcome);
  core.state = undefined;
  if (outcome.error !== null && outcome.error !== undefined) throw asError(outcome.error);
  call.take?.(outcome.result);
  return invocation.getResponse(context, call.take ? undefined : outcome.result);
}

function coreContext(
  fn: RegisteredFunction,
  id: string,
  call: Invocation,
  about: { function: string; context: unknown },
): CoreInvocationContext {
  return {
    invocationId: id,
    metadata: fn.metadata,
    state: undefined,
    request: {
      invocationId: id,
      functionId: fn.id,
      inputData: Object.entries(call.inputs).map(([name, data]) => ({ name, data })),
      triggerMetadata: call.triggerMetadata ?? {},
      traceContext: {},
      ...(call.retryContext ? { retryContext: call.retryContext } : {}),
    },
    log: (level, category, message) => registry.log(level, category, message, about),
  };
}

async function runHooks(
  name: Extract<HookName, "preInvocation" | "postInvocation">,
  core: CoreInvocationContext,
  context: Record<string, unknown>,
): Promise<void> {
  core.state = `${name}Hooks`;
  for (const hook of registry.hooks.get(name) ?? []) await hook(context);
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
