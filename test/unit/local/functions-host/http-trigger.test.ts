import { expect, test } from "vitest";
import { systemClock } from "../../../../engine/core/clock.ts";
import { millis } from "../../../../engine/core/units.ts";
import { injectCoreApi, registry } from "../../../../local/functions-host/core-api.ts";
import { HttpTriggers } from "../../../../local/functions-host/http-trigger.ts";
import { Invoker } from "../../../../local/functions-host/invocation.ts";

injectCoreApi();
const { app } = await import("@azure/functions");

const keys = { master: "m", function: "f", durable: "d" };
const invoker = new Invoker(systemClock, millis(1000));

function register(prefix: string, route: string): void {
  const name = `at-${prefix}-${route.replaceAll(/\W/g, "-")}`;
  app.http(name, { route, handler: () => ({}) });
  const fn = registry.functions.get(name);
  if (!fn) throw new Error(`${name} was not registered`);
  new HttpTriggers(prefix, { invoker, keys, inputs: () => ({}), failed: () => undefined }).register(fn);
}

test.each([
  ["", "admin", 'route "admin"'],
  ["", "Admin/functions", 'route "Admin/functions"'],
  ["", "runtime/{x}", 'route "runtime/{x}"'],
  ["runtime", "webhooks", 'route "runtime/webhooks"'],
])("with the prefix %j the route %s is the host's own, and refused by name", (prefix, route, said) => {
  expect(() => register(prefix, route)).toThrow(said);
});

test.each([
  ["api", "admin"],
  ["", "administration"],
  ["", "my/admin"],
])("with the prefix %j the route %s is an app's own", (prefix, route) => {
  expect(() => register(prefix, route)).not.toThrow();
});
