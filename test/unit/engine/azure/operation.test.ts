import { expect, test } from "vitest";
import type { ArmReply } from "../../../../engine/azure/arm-failure.ts";
import {
  type ArmOperation,
  checkPollUrl,
  operationOf,
  progressOf,
} from "../../../../engine/azure/operation.ts";
import { millis } from "../../../../engine/core/units.ts";

const ARM = "https://arm.example";
const STATUS = `${ARM}/operations/1?api-version=x`;
const LOCATION = `${ARM}/results/1?api-version=x`;

const reply = (status: number, body?: unknown, headers: Record<string, string> = {}): ArmReply => ({
  status,
  body,
  header: (name) => headers[name],
});
const call = (method: string) => ({ method, path: "/subscriptions/s/x", url: `${ARM}/subscriptions/s/x` });
const state = (provisioningState: string) => ({ properties: { provisioningState } });
const operation = (mode: ArmOperation["mode"]): ArmOperation => ({
  pollUrl: mode === "status" ? STATUS : LOCATION,
  mode,
  resource: "/subscriptions/s/x",
  retryAfter: millis(1000),
});

test.each([
  ["PUT", reply(200, state("Succeeded"))],
  ["PUT", reply(200, state("Succeeded"), { "azure-asyncoperation": STATUS })],
  ["PUT", reply(201, { properties: {} })],
  ["DELETE", reply(204)],
  ["DELETE", reply(200)],
  ["POST", reply(200, { any: 1 })],
])("%s is finished at once by %o", (method, answer) => {
  expect(operationOf(call(method), answer)).toBeUndefined();
});

test("the status document is preferred to the location", () => {
  const answer = reply(202, state("Updating"), {
    "azure-asyncoperation": STATUS,
    location: LOCATION,
    "retry-after": "17",
  });
  expect(operationOf(call("PUT"), answer)).toEqual({
    pollUrl: STATUS,
    mode: "status",
    resource: "/subscriptions/s/x",
    retryAfter: 17_000,
    resultUrl: `${ARM}/subscriptions/s/x`,
  });
});

test("a location alone is polled until it is no 202", () => {
  expect(operationOf(call("PUT"), reply(202, undefined, { location: LOCATION }))?.mode).toBe("location");
  expect(progressOf(operation("location"), reply(202))).toMatchObject({ done: false });
  expect(progressOf(operation("location"), reply(200, { a: 1 }))).toEqual({ done: true, body: { a: 1 } });
});

test("without a URL the resource itself tells", () => {
  const started = operationOf(call("PUT"), reply(201, state("Creating")));
  expect(started).toMatchObject({ mode: "resource", pollUrl: `${ARM}/subscriptions/s/x` });
  expect(progressOf(operation("resource"), reply(200, state("Updating")))).toMatchObject({ done: false });
  expect(progressOf(operation("resource"), reply(200, state("Succeeded")))).toMatchObject({ done: true });
  expect(progressOf(operation("resource"), reply(200, {}))).toMatchObject({ done: true });
  expect(() => progressOf(operation("resource"), reply(200, state("Failed")))).toThrow(/Failed/);
});

test("a 202 that says nothing is an error, not an endless wait", () => {
  expect(() => operationOf(call("POST"), reply(202))).toThrow(/without a URL/);
});

test("a failure inside a 200 is thrown with Azure's code, message and request id", () => {
  const body = { status: "Failed", error: { code: "AllocationFailed", message: "No room." } };
  const answer = reply(200, body, { "x-ms-request-id": "r-1" });
  expect(() => progressOf(operation("status"), answer)).toThrow(/AllocationFailed: No room\..*r-1/);
});

test("a cancelled operation is a failure as well", () => {
  expect(() => progressOf(operation("status"), reply(200, { status: "Canceled" }))).toThrow(/Canceled/);
});

test("the output of an operation comes with its end", () => {
  const answer = reply(200, { status: "Succeeded", properties: { output: { a: 1 } } });
  expect(progressOf(operation("status"), answer)).toEqual({ done: true, body: { a: 1 } });
});

test("how long to wait is taken from the newest answer, as seconds or as a date", () => {
  const at = (value: string) =>
    progressOf(operation("status"), reply(200, { status: "InProgress" }, { "retry-after": value }));
  expect(at("3")).toMatchObject({ operation: { retryAfter: 3000 } });
  const dated = at(new Date(Date.now() + 30_000).toUTCString());
  const wait = dated.done ? 0 : dated.operation.retryAfter;
  expect(wait).toBeGreaterThan(25_000);
  expect(wait).toBeLessThanOrEqual(30_000);
});

test.each([
  ["of another origin", "https://evil.example/operations/1"],
  ["of another port", "https://arm.example:444/operations/1"],
  ["without TLS", "http://arm.example/operations/1"],
  ["with a secret", `${ARM}/operations/1?sig=abc`],
])("a poll URL %s is refused", (_, url) => {
  expect(() => checkPollUrl(url, ARM)).toThrow(/refused to poll/);
});

test("a poll URL that moves to another origin in the middle is refused", () => {
  const moved = reply(202, undefined, { location: "https://evil.example/1" });
  expect(() => progressOf(operation("location"), moved)).toThrow(/refused to poll/);
});
