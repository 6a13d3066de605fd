import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { LeewardError, messageOf } from "../../engine/core/errors.ts";
import type { Millis } from "../../engine/core/units.ts";
import { checked } from "../../engine/core/schema.ts";
import { timeSpan } from "./invocation.ts";
import type { QueueSettings } from "./queue-trigger.ts";

export interface HostSettings {
  readonly routePrefix: string;
  readonly hubName: string;
  /** undefined: no limit. */
  readonly functionTimeout: Millis | undefined;
  readonly maxActivities: number;
  readonly maxOrchestrations: number;
  /** How many operations an entity is handed at once. */
  readonly entityBatchSize: number;
  readonly queues: QueueSettings;
}

/**
 * Reads host.json and local.settings.json of the app. Values of the latter become environment variables where those are
 * not set yet, as the real tools do.
 * @throws LeewardError InvalidSetting naming file and field, also of what this host does not carry out; HostUnsupported naming a setting
 */
export function readSettings(directory: string): HostSettings {
  const local = readJson(path.join(directory, "local.settings.json"), LocalSettings);
  for (const [name, value] of Object.entries(local.Values)) process.env[name] ??= value;
  for (const name of Object.keys(process.env)) refuseSetting(name);
  const host = readJson(path.join(directory, "host.json"), HostJson);
  const durable = host.extensions.durableTask;
  return {
    routePrefix: host.extensions.http.routePrefix,
    hubName: substitute(durable.hubName, "host.json, extensions.durableTask.hubName"),
    functionTimeout: readTimeout(host.functionTimeout),
    maxActivities: durable.maxConcurrentActivityFunctions,
    maxOrchestrations: durable.maxConcurrentOrchestratorFunctions,
    entityBatchSize: durable.maxEntityOperationBatchSize,
    queues: host.extensions.queues,
  };
}

/** Settings by which Azure's host would do otherwise than the code and host.json say. */
const REFUSED = [/^WEBSITE_TIME_ZONE$/, /^AzureWebJobs[._].+[._]Disabled$/i, /^AzureFunctionsJobHost__/i];

function refuseSetting(name: string): void {
  if (REFUSED.some((pattern) => pattern.test(name)))
    throw new LeewardError("HostUnsupported", `the setting ${name} is not emulated`);
}

/** Replaces each %NAME% by that environment variable. @throws LeewardError InvalidSetting when one is not set */
export function substitute(text: string, where: string): string {
  return text.replace(/%([^%\s]+)%/g, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined)
      throw new LeewardError("InvalidSetting", `${where} needs the setting ${name}, which is not set`);
    return value;
  });
}

const count = z.number().int().min(1).default(10);
const span = z.string().transform(
  checked((text) => {
    const found = timeSpan(text);
    if (found === undefined) throw new RangeError("has no end");
    return found;
  }),
);
const Queues = z
  .strictObject({
    batchSize: z.number().int().min(1).max(32).default(16),
    newBatchThreshold: z.number().int().min(0).optional(),
    maxDequeueCount: z.number().int().min(1).default(5),
    visibilityTimeout: span.prefault("00:00:00"),
    maxPollingInterval: span.prefault("00:01:00"),
    messageEncoding: z.enum(["base64", "none"]).default("base64"),
  })
  .transform((queues) => ({
    ...queues,
    newBatchThreshold: queues.newBatchThreshold ?? Math.floor(queues.batchSize / 2),
  }));
/** What would change how the app behaves and is not carried out here is refused; what is about scale and logs has no effect. */
const ignored = z.unknown().optional();
const HostJson = z.strictObject({
  version: ignored,
  logging: ignored,
  extensionBundle: ignored,
  functionTimeout: z.string().default("00:30:00"),
  extensions: z
    .strictObject({
      http: z.strictObject({ routePrefix: z.string().default("api") }).prefault({}),
      queues: Queues.prefault({}),
      durableTask: z
        .strictObject({
          hubName: z.string().default("TestHubName"),
          maxConcurrentActivityFunctions: count,
          maxConcurrentOrchestratorFunctions: count,
          maxEntityOperationBatchSize: z.number().int().min(1).default(50),
          storageProvider: ignored,
          tracing: ignored,
        })
        .prefault({}),
    })
    .prefault({}),
});
const LocalSettings = z.object({ Values: z.record(z.string(), z.coerce.string()).default({}) });

function readJson<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  try {
    return schema.parse(existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {});
  } catch (error) {
    throw new LeewardError("InvalidSetting", `${file}: ${messageOf(error)}`, error);
  }
}

function readTimeout(text: string): Millis | undefined {
  try {
    return timeSpan(text);
  } catch (error) {
    throw new LeewardError("InvalidSetting", `host.json, functionTimeout: ${messageOf(error)}`, error);
  }
}
