import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { injectCoreApi, registry } from "../../../../local/functions-host/core-api.ts";
import { checkEmulated } from "../../../../local/functions-host/emulated.ts";

injectCoreApi();
const { app, input, output, trigger } = await import("@azure/functions");
const durable = await import("durable-functions");

const handler = () => undefined;
const connection = "Setting";
const timer = { schedule: "0 0 0 1 1 *", handler };
const table = { tableName: "t", connection };
const sql = { commandText: "select 1", commandType: "Text", connectionStringSetting: connection } as const;
const cosmos = { databaseName: "d", containerName: "c", connection };

/** Everything that the libraries can register, by the name of the binding that decides. */
const REFUSED: Readonly<Record<string, (name: string) => void>> = {
  blobTrigger: (name) => app.storageBlob(name, { path: "in/{name}", connection, handler }),
  cosmosDBTrigger: (name) => app.cosmosDB(name, { ...cosmos, handler }),
  eventGridTrigger: (name) => app.eventGrid(name, { handler }),
  eventHubTrigger: (name) => app.eventHub(name, { eventHubName: "h", connection, handler }),
  serviceBusTrigger: (name) => app.serviceBusQueue(name, { queueName: "q", connection, handler }),
  sqlTrigger: (name) => app.sql(name, { tableName: "t", connectionStringSetting: connection, handler }),
  warmupTrigger: (name) => app.warmup(name, { handler }),
  kafkaTrigger: (name) => app.generic(name, { trigger: trigger.generic({ type: "kafkaTrigger" }), handler }),
  blob: (name) => app.timer(name, { ...timer, extraInputs: [input.storageBlob({ path: "p", connection })] }),
  table: (name) => app.timer(name, { ...timer, extraInputs: [input.table(table)] }),
  sql: (name) => app.timer(name, { ...timer, extraInputs: [input.sql(sql)] }),
  cosmosDB: (name) => app.timer(name, { ...timer, extraInputs: [input.cosmosDB(cosmos)] }),
  queue: (name) => app.timer(name, { ...timer, return: output.storageQueue({ queueName: "q", connection }) }),
  serviceBus: (name) =>
    app.timer(name, { ...timer, return: output.serviceBusQueue({ queueName: "q", connection }) }),
  eventHub: (name) =>
    app.timer(name, { ...timer, return: output.eventHub({ eventHubName: "h", connection }) }),
  eventGrid: (name) =>
    app.timer(name, {
      ...timer,
      return: output.eventGrid({ topicEndpointUri: "e", topicKeySetting: "k" }),
    }),
};

const TAKEN: Readonly<Record<string, (name: string) => void>> = {
  httpTrigger: (name) => app.http(name, { handler: () => ({}) }),
  timerTrigger: (name) => app.timer(name, timer),
  queueTrigger: (name) => app.storageQueue(name, { queueName: "q", connection, handler }),
  activityTrigger: (name) => durable.app.activity(name, { handler }),
  entityTrigger: (name) => durable.app.entity(name, handler),
  durableClient: (name) => durable.app.client.http(name, { handler: () => ({}) }),
  orchestrationTrigger: (name) =>
    durable.app.orchestration(name, function* () {
      yield* [];
    }),
};

function registered(binding: string, register: (name: string) => void) {
  const name = `uses-${binding}`;
  register(name);
  const fn = registry.functions.get(name);
  if (!fn) throw new Error(`${name} was not registered`);
  return fn;
}

test.each(Object.entries(REFUSED))("%s is refused by its name", (binding, register) => {
  const fn = registered(binding, register);
  expect(() => checkEmulated(fn)).toThrow(`function uses-${binding} uses the `);
  expect(() => checkEmulated(fn)).toThrow(`put binding ${binding}, which is not emulated`);
});

test.each(Object.entries(TAKEN))("%s is taken", (binding, register) => {
  expect(() => checkEmulated(registered(binding, register))).not.toThrow();
});

test("the README names each binding that is refused, and none that is taken", () => {
  const readme = readFileSync(
    path.join(import.meta.dirname, "../../../../local/functions-host/README.md"),
    "utf8",
  );
  const row = readme.split("\n").find((line) => line.startsWith("| bindings ")) ?? "";
  const named = new Set([...row.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  expect(named).toEqual(new Set(Object.keys(REFUSED)));
});
