import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSettings } from "../../../../local/functions-host/settings.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "functions-settings-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function settingsOf(hostJson: object) {
  writeFileSync(path.join(folder, "host.json"), JSON.stringify(hostJson));
  return readSettings(folder);
}

test("a host.json that says nothing means Azure's defaults", () => {
  expect(settingsOf({ version: "2.0" })).toMatchObject({
    routePrefix: "api",
    hubName: "TestHubName",
    functionTimeout: 1_800_000,
    queues: { batchSize: 16, newBatchThreshold: 8, maxDequeueCount: 5, visibilityTimeout: 0 },
  });
});

test("what is about scale and logs has no effect", () => {
  const durableTask = { storageProvider: { partitionCount: 4 }, tracing: { version: "V2" } };
  const json = { version: "2.0", logging: {}, extensionBundle: { id: "x" }, extensions: { durableTask } };
  expect(settingsOf(json)).toEqual(settingsOf({}));
});

test.each([
  [{ retry: { strategy: "fixedDelay" } }, '"retry"'],
  [{ functions: ["one"] }, '"functions"'],
  [{ customHandler: {} }, '"customHandler"'],
  [{ extensions: { serviceBus: {} } }, '"serviceBus"'],
  [{ extensions: { http: { hsts: { isEnabled: true } } } }, '"hsts"'],
  [{ extensions: { durableTask: { extendedSessionsEnabled: true } } }, '"extendedSessionsEnabled"'],
  [{ extensions: { queues: { batchSze: 3 } } }, '"batchSze"'],
  [{ extensions: { queues: { batchSize: 33 } } }, "batchSize"],
  [{ functionTimeout: "an hour" }, "functionTimeout"],
])("host.json with %j is refused by name", (json, name) => {
  expect(() => settingsOf(json)).toThrow("host.json");
  expect(() => settingsOf(json)).toThrow(name);
});

test("a file that is not JSON is named", () => {
  writeFileSync(path.join(folder, "host.json"), "{");
  expect(() => readSettings(folder)).toThrow(path.join(folder, "host.json"));
});

test.each(["WEBSITE_TIME_ZONE", "AzureWebJobs.copy.Disabled", "AzureFunctionsJobHost__functionTimeout"])(
  "the setting %s is refused by name",
  (name) => {
    process.env[name] = "1";
    expect(() => settingsOf({})).toThrow(`the setting ${name} is not emulated`);
    delete process.env[name];
    expect(() => settingsOf({})).not.toThrow();
  },
);
