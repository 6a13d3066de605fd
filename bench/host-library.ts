import { systemClock } from "../engine/core/clock.ts";
import { type RegisteredFunction, registry, triggerOf } from "../local/functions-host/core-api.ts";
import { EventType, type HistoryEvent } from "../local/functions-host/durable/history.ts";
import { replayed, triggerValue } from "../local/functions-host/durable/replayed.ts";
import type { Instance } from "../local/functions-host/durable/store.ts";
import type { Host } from "../local/functions-host/host.ts";
import { Invoker } from "../local/functions-host/invocation.ts";

const invoker = new Invoker(systemClock, undefined);

/** Milliseconds of processor that libraries and app alone need for what these instances did: each turn's replay, each activity. */
export async function libraryCost(host: Host, ids: readonly string[]): Promise<number> {
  const calls = ids.flatMap((id) => {
    const instance = host.hub.store.instance(id);
    return instance ? callsOf(instance, host.hub.instances.history(instance)) : [];
  });
  const before = process.cpuUsage();
  for (const call of calls) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

type Call = () => Promise<unknown>;

function callsOf(instance: Instance, events: readonly HistoryEvent[]): Call[] {
  const calls: Call[] = [];
  const orchestrator = functionNamed(instance.name);
  const past = replayed(events);
  const begins = past.flatMap(({ EventType: type }, i) =>
    type === EventType.OrchestratorStarted ? [i] : [],
  );
  for (const [turn] of begins.entries()) {
    const end = begins[turn + 1] ?? past.length;
    calls.push(() =>
      invoker.invoke(orchestrator, {
        inputs: { [triggerOf(orchestrator).name]: {} },
        trigger: triggerValue(instance, past.slice(0, end), turn > 0),
        take: () => undefined,
      }),
    );
  }
  for (const event of events) {
    if (event.EventType !== EventType.TaskScheduled) continue;
    const activity = functionNamed(event.Name);
    const inputs = { [triggerOf(activity).name]: { string: event.Input?.slice(1, -1) ?? null } };
    calls.push(() => invoker.invoke(activity, { inputs }));
  }
  return calls;
}

function functionNamed(name: string): RegisteredFunction {
  const found = registry.functions.get(name);
  if (!found) throw new Error(`there is no function ${name}`);
  return found;
}
