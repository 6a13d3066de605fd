import path from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { type Clock, systemClock } from "../../engine/core/clock.ts";
import { type Millis, millis } from "../../engine/core/units.ts";
import { loadApp, terminateApp } from "./app.ts";
import { clientInputs } from "./client-binding.ts";
import { type LogSink, type RegisteredFunction, registry, triggerOf } from "./core-api.ts";
import { checkEmulated } from "./emulated.ts";
import { TaskHub } from "./durable/hub.ts";
import { HttpTriggers } from "./http-trigger.ts";
import { Inspector } from "./inspector.ts";
import { Invoker } from "./invocation.ts";
import { type Keys, readKeys } from "./keys.ts";
import { Listener } from "./listener.ts";
import { ManagementApi } from "./management-api.ts";
import { QUEUE_LEASE, QueueTrigger } from "./queue-trigger.ts";
import { Router } from "./router.ts";
import { type HostSettings, readSettings } from "./settings.ts";
import { TimerTrigger } from "./timer-trigger.ts";

/** How long running invocations may take to end when the host stops. */
const GRACE = millis(5000);

export interface HostOptions {
  /** Folder of the Functions app: host.json, local.settings.json, package.json. */
  readonly app: string;
  /** A file to load instead of package.json's `main`; relative to the app. */
  readonly entry?: string;
  /** Folder of the state: host.db and keys.json. One host at a time. */
  readonly data: string;
  /** 0 for any. */
  readonly port: number;
  /** PEM texts. With them the public listener speaks https. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly clock?: Clock;
  /** How long a queue's message is out of others' sight while it is at work, so how soon after a kill it comes back. Ten minutes. */
  readonly queueLease?: Millis;
  readonly log?: LogSink;
}

export interface Host {
  /** Origin of the public listener, without a slash at the end. */
  readonly url: string;
  readonly hub: TaskHub;
  readonly keys: Keys;
  /** Resolves when nothing can go on before the clock moves or someone calls. */
  idle(): Promise<void>;
  /** Stops taking work, lets running invocations end for some seconds, closes the state. */
  stop(): Promise<void>;
}

/**
 * Starts a Functions host with one app, all on 127.0.0.1. One app per process: what an app registers stays registered.
 * @throws LeewardError InvalidSetting or HostUnsupported, naming what is wrong with the app or its settings
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const log = options.log ?? (() => undefined);
  registry.sink = log;
  const settings = readSettings(options.app);
  const keys = readKeys(options.data);
  const listeners = await openListeners(options, log);
  try {
    // Without it durable-functions points every link at localhost:7071.
    process.env["WEBSITE_HOSTNAME"] ??= `127.0.0.1:${listeners.open.port}`;
    await loadApp(options.app, options.entry);
    return serve(options, settings, keys, listeners, log);
  } catch (error) {
    await closeAll(listeners, 0);
    throw error;
  }
}

interface Listeners {
  /** The app's own. */
  readonly open: Listener;
  /** For the durable client inside the app. */
  readonly rpc: Listener;
}

async function openListeners(options: HostOptions, log: LogSink): Promise<Listeners> {
  const failed = (error: unknown) => log({ level: "error", category: "system", message: traceOf(error) });
  return {
    open: await Listener.open(options.port, options.tls, failed),
    rpc: await Listener.open(0, undefined, failed),
  };
}

const closeAll = ({ open, rpc }: Listeners, grace: number): Promise<unknown> =>
  Promise.all([open.close(grace), rpc.close(grace)]);

function serve(
  options: HostOptions,
  settings: HostSettings,
  keys: Keys,
  listeners: Listeners,
  log: LogSink,
): Host {
  const clock = options.clock ?? systemClock;
  const invoker = new Invoker(clock, settings.functionTimeout);
  const address = {
    hub: settings.hubName,
    origin: listeners.open.origin,
    rpcOrigin: listeners.rpc.origin,
    key: keys.durable,
  };
  const inputs = (fn: RegisteredFunction) => clientInputs(fn, address);
  const failed = (fn: RegisteredFunction, error: unknown) =>
    log({ level: "error", category: "function", message: traceOf(error), function: fn.name });
  const warn = (message: string) => log({ level: "warning", category: "host", message });
  const hub = new TaskHub({
    ...settings,
    data: path.resolve(options.data),
    clock,
    invoker,
    inputs,
    warn,
  });
  const http = new HttpTriggers(settings.routePrefix, { invoker, keys, inputs, failed });
  const timers = new Map<string, TimerTrigger>();
  const context = { clock, db: hub.store.db, invoker, now: hub.now, inputs, failed };
  const queues: QueueTrigger[] = [];
  const lease = options.queueLease ?? QUEUE_LEASE;
  const queueContext = { clock, invoker, settings: settings.queues, lease, inputs, failed, warn };
  for (const fn of registry.functions.values())
    register(fn, hub, {
      httptrigger: () => http.register(fn),
      timertrigger: () => timers.set(fn.name.toLowerCase(), new TimerTrigger(fn, context)),
      queuetrigger: () => queues.push(new QueueTrigger(fn, queueContext)),
    });
  const inspector = new Inspector(hub, keys, hub.now);
  const router = new Router({ api: new ManagementApi(hub, address), http, inspector, timers, keys });
  listeners.rpc.serve((request) => router.rpc(request));
  listeners.open.serve((request) => router.handle(request));
  hub.dispatcher.start();
  for (const trigger of [...timers.values(), ...queues]) void trigger.start();
  return {
    url: listeners.open.origin,
    hub,
    keys,
    idle: () => settled(hub, invoker, queues),
    stop: async () => {
      hub.dispatcher.stop();
      for (const trigger of [...timers.values(), ...queues]) trigger.stop();
      const ending = Promise.all([invoker.idle(), ...queues.map((queue) => queue.idle())]);
      await Promise.all([closeAll(listeners, GRACE), within(GRACE, ending)]);
      await terminateApp();
      hub.store.db.close();
    },
  };
}

/** What the clock has just woken gets a round of the event loop to begin. */
async function settled(hub: TaskHub, invoker: Invoker, queues: readonly QueueTrigger[]): Promise<void> {
  do {
    await setImmediate();
    await Promise.all(queues.map((queue) => queue.idle()));
    await invoker.idle();
    await hub.dispatcher.idle();
  } while (invoker.running > 0);
}

/** Of real time: at the end of it what still runs is left to itself. */
async function within(limit: Millis, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const expired = setTimeout(limit, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([work, expired]);
  over.abort();
}

/** Refuses loudly, by name, whatever this host does not emulate. */
function register(
  fn: RegisteredFunction,
  hub: TaskHub,
  add: Record<"httptrigger" | "timertrigger" | "queuetrigger", () => void>,
): void {
  checkEmulated(fn);
  const { type } = triggerOf(fn);
  if (type === "httptrigger" || type === "timertrigger" || type === "queuetrigger") add[type]();
  else if (type === "orchestrationtrigger" || type === "activitytrigger" || type === "entitytrigger")
    hub.register(fn, type);
}

const traceOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
