import Module from "node:module";
import type { RetryContext } from "./retry-policy.ts";
import type { TypedData } from "./typed-data.ts";

/** A binding as the app declared it. */
export interface Binding {
  type: string;
  direction: string;
  [option: string]: unknown;
}

interface FunctionMetadata {
  name: string;
  functionId?: string;
  bindings: Record<string, Binding>;
  retryOptions?: unknown;
}

type FunctionCallback = (...inputs: unknown[]) => unknown;

export interface RegisteredFunction {
  readonly id: string;
  readonly name: string;
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

type LogLevel = "trace" | "debug" | "information" | "warning" | "error" | "critical" | "none";
export type LogSink = (entry: {
  level: string;
  category: string;
  message: string;
  function?: string;
}) => void;

export interface InvocationResponse {
  returnValue?: TypedData | null;
  outputData?: { name: string; data: TypedData }[];
}

interface InvocationRequest {
  invocationId: string;
  functionId: string;
  inputData: { name: string; data: TypedData }[];
  triggerMetadata: Record<string, TypedData>;
  traceContext: object;
  retryContext?: RetryContext;
}

/** What the library is told about one invocation. `state` names the phase, for its own warnings. */
export interface CoreInvocationContext {
  invocationId: string;
  request: InvocationRequest;
  metadata: FunctionMetadata;
  state: string | undefined;
  log(level: LogLevel, category: string, message: string): void;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

interface ProgrammingModel {
  name: string;
  version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

const HOOKS = ["preInvocation", "postInvocation", "appStart", "appTerminate", "log"] as const;
export type HookName = (typeof HOOKS)[number];
type HookCallback = (context: Record<string, unknown>) => unknown;

/**
 * What the real worker injects as the built-in module "@azure/functions-core". One per process: `@azure/functions` asks
 * for it once and keeps it, so whatever an app registers stays registered for the life of the process.
 */
class CoreRegistry {
  readonly functions = new Map<string, RegisteredFunction>();
  readonly hooks = new Map<string, HookCallback[]>(HOOKS.map((name) => [name, []]));
  /** Shared by every hook of the app, as `appHookData`. */
  readonly appHookData = {};
  /** Shared by appStart and appTerminate hooks, as `hookData`. */
  readonly appOnlyHookData = {};
  model: ProgrammingModel | undefined;
  /** Set once the app has started: registering later is an error, as on Azure. */
  locked = false;
  sink: LogSink = () => undefined;

  log(level: string, category: string, message: string, invocation?: { function: string; context: unknown }) {
    const entry = { level, category, message };
    const shared = { hookData: {}, appHookData: this.appHookData, invocationContext: invocation?.context };
    const context = Object.assign(entry, shared);
    for (const hook of this.hooks.get("log") ?? []) ignoringErrors(() => hook(context));
    this.sink({
      level: context.level,
      category,
      message: context.message,
      ...(invocation ? { function: invocation.function } : {}),
    });
  }
}

export const registry = new CoreRegistry();

/** Makes `require("@azure/functions-core")` answer. Must run before the app, or any library of it, is loaded. */
export function injectCoreApi(): void {
  if (injected) return;
  injected = true;
  // oxlint-disable-next-line typescript/unbound-method -- it is called with its module below
  const original = Module.prototype.require;
  Module.prototype.require = function (this: Module, id: string) {
    return id === "@azure/functions-core" ? coreApi : original.call(this, id);
  };
}

let injected = false;

class Disposable {
  #action: (() => unknown) | undefined;
  constructor(action: () => unknown) {
    this.#action = action;
  }
  static from(...parts: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => parts.forEach((part) => part.dispose()));
  }
  dispose(): unknown {
    const action = this.#action;
    this.#action = undefined;
    return action?.();
  }
}

const coreApi = {
  version: "3.13.0",
  hostVersion: "4.1000.0",
  Disposable,
  registerHook,
  registerFunction,
  setProgrammingModel: (model: ProgrammingModel) => {
    registry.model = model;
  },
  getProgrammingModel: () => registry.model,
  log: (level: LogLevel, category: string, message: string) => registry.log(level, category, message),
};

/** @throws RangeError marked as a system error for an unknown name: the library relies on that to detect old hosts. */
function registerHook(name: string, callback: HookCallback): Disposable {
  const list = registry.hooks.get(name);
  if (!list)
    throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
  list.push(callback);
  return new Disposable(() => list.splice(list.indexOf(callback) >>> 0, 1));
}

function registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
  if (registry.locked) throw new Error("A function can only be registered during app startup.");
  const id = metadata.functionId ?? metadata.name;
  if (registry.functions.has(id)) throw new Error(`A function with id "${id}" has already been registered.`);
  registry.functions.set(id, {
    id,
    name: metadata.name,
    metadata: { ...metadata, functionId: id },
    callback,
  });
  return new Disposable(() => registry.functions.delete(id));
}

/** A log hook must never break what it logs about. */
function ignoringErrors(action: () => unknown): void {
  try {
    action();
  } catch {
    return;
  }
}

/** The binding whose type ends in "Trigger", as the library decides it. @throws Error when there is none. */
export function triggerOf(fn: RegisteredFunction): { name: string; type: string; options: Binding } {
  for (const [name, options] of Object.entries(fn.metadata.bindings))
    if (/trigger$/i.test(options.type)) return { name, type: options.type.toLowerCase(), options };
  throw new Error(`function ${fn.name} has no trigger`);
}
