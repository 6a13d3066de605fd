import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ArmClient, armClient } from "../../../../engine/azure/arm.ts";
import { LeewardError } from "../../../../engine/core/errors.ts";
import { millis } from "../../../../engine/core/units.ts";
import { type Stub, credentialOf, httpsStub } from "./https-stub.ts";

const DISK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d";
const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxIn0.c2lnbmF0dXJl";

let stub: Stub;
let client: ArmClient;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
const seen: { line: string; token: string | undefined; body: string }[] = [];

beforeAll(async () => {
  stub = await httpsStub((request, response, body) => {
    seen.push({ line: `${request.method} ${request.url}`, token: request.headers.authorization, body });
    answer(request, response, body);
  });
});
afterAll(() => stub.close());
beforeEach(() => {
  seen.splice(0);
  // A new one each time: it remembers when it was throttled.
  client = armClient({
    endpoint: stub.url,
    audience: "https://management.azure.com/",
    credential: credentialOf(TOKEN),
    tls: stub.tls,
    timeout: millis(1500),
  });
});

const says = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  answer = (_, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body === undefined ? "" : JSON.stringify(body));
  };
};
const failing = async (doing: Promise<unknown>): Promise<LeewardError> => {
  const error: unknown = await doing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LeewardError)) throw new Error(`not a LeewardError: ${String(error)}`);
  return error;
};
async function all(found: AsyncIterable<unknown>): Promise<unknown[]> {
  const every = [];
  for await (const one of found) every.push(one);
  return every;
}
const refused = (code: string, message: string) => ({ error: { code, message } });

test("a call carries the pinned api-version, the token and the body", async () => {
  says(200, { id: DISK });
  const put = await client.put(DISK, { location: "x" });
  expect(put).toEqual({ status: 200, body: { id: DISK } });
  expect(seen).toEqual([
    { line: `PUT ${DISK}?api-version=2024-03-02`, token: `Bearer ${TOKEN}`, body: '{"location":"x"}' },
  ]);
});

test("http is refused before anything is sent", () => {
  const make = () =>
    armClient({ endpoint: "http://127.0.0.1", audience: "a", credential: credentialOf(TOKEN) });
  expect(make).toThrow(/not an https URL/);
});

test("a path that is a URL is refused, so the token stays at home", async () => {
  await expect(client.get("https://evil.example/subscriptions/s")).rejects.toThrow(RangeError);
  await expect(client.get("//evil.example/subscriptions/s")).rejects.toThrow(RangeError);
});

test("a 404 is undefined for find, an error for get and success for delete", async () => {
  says(404, refused("ResourceNotFound", "gone"));
  expect(await client.find(DISK)).toBeUndefined();
  expect(await client.delete(DISK)).toEqual({ status: 404, body: undefined });
  expect((await failing(client.get(DISK))).code).toBe("ArmFailed");
});

test("what Azure says stands in the error, with its request id", async () => {
  says(409, refused("DiskBlobStillInUse", "in use"), { "x-ms-request-id": "r-7" });
  const error = await failing(client.put(DISK, {}));
  expect(error.code).toBe("ArmFailed");
  expect(error.message).toContain(`PUT ${DISK}: 409 DiskBlobStillInUse: in use (request r-7)`);
});

test.each([
  [429, "TooManyRequests"],
  [500, "InternalServerError"],
  [503, "ServiceUnavailable"],
  [409, "AnotherOperationInProgress"],
  [412, "PreconditionFailed"],
])("%i %s passes by itself", async (status, code) => {
  says(status, refused(code, "later"), { "retry-after": "17" });
  const error = await failing(client.put(DISK, {}));
  expect(error.code).toBe("ArmUnavailable");
  expect(error.retryAfter).toBe(17_000);
  expect(seen.length).toBe(1);
});

test("a reply that is lost is ArmUnavailable", async () => {
  answer = (_, response) => void response.destroy();
  expect((await failing(client.put(DISK, {}))).code).toBe("ArmUnavailable");
});

test("a silent service is given up in seconds", async () => {
  answer = () => undefined;
  const begin = performance.now();
  expect((await failing(client.get(DISK))).code).toBe("ArmUnavailable");
  expect(performance.now() - begin).toBeLessThan(5000);
});

test("no token is ArmUnavailable, not a crash", async () => {
  const credential = { getToken: () => Promise.reject(new Error(`no identity, had ${TOKEN}`)) };
  const other = armClient({ endpoint: stub.url, audience: "a", credential, tls: stub.tls });
  const error = await failing(other.get(DISK));
  expect(error.code).toBe("ArmUnavailable");
  expect(error.message).not.toContain("c2lnbmF0dXJl");
});

test("a redirect is not followed: the token would go along", async () => {
  says(302, undefined, { location: `${stub.url}/elsewhere` });
  expect((await failing(client.get(DISK))).code).toBe("ArmFailed");
  expect(seen.length).toBe(1);
});

test("secrets in Azure's own words do not reach the error", async () => {
  says(400, refused("BadUri", `cannot read https://h/b?sv=1&sig=abcdef with Bearer ${TOKEN}`));
  const error = await failing(client.put(DISK, {}));
  expect(JSON.stringify([error.message, error.stack, error.cause])).not.toMatch(/abcdef|c2lnbmF0dXJl/);
});

test("an accepted call leaves an operation that polls to its end", async () => {
  const headers = { "azure-asyncoperation": `${stub.url}/op/1?api-version=z`, "retry-after": "1" };
  says(202, { properties: { provisioningState: "Updating" } }, headers);
  const { operation } = await client.put(DISK, {});
  if (!operation) throw new Error("no operation");
  says(200, { status: "InProgress" }, { "retry-after": "2" });
  const stored = structuredClone(operation);
  expect(await client.poll(stored)).toEqual({ done: false, operation: { ...operation, retryAfter: 2000 } });
  says(200, { status: "Succeeded" });
  expect(await client.poll(stored)).toEqual({ done: true, body: undefined });
  expect(seen.at(-1)?.line).toBe("GET /op/1?api-version=z");
});

test("a stored operation of another origin is never polled", async () => {
  const operation = {
    pollUrl: "https://evil.example/op",
    mode: "status",
    resource: DISK,
    retryAfter: millis(0),
  } as const;
  expect((await failing(client.poll(operation))).message).toMatch(/refused to poll/);
  says(202, undefined, { location: "https://evil.example/op" });
  expect((await failing(client.put(DISK, {}))).message).toMatch(/refused to poll/);
});

test("an error page that is no JSON is told as it is", async () => {
  answer = (_, response) => {
    response.writeHead(502, { "content-type": "text/html" });
    response.end("<html>bad gateway</html>");
  };
  const error = await failing(client.get(DISK));
  expect(error.code).toBe("ArmUnavailable");
  expect(error.message).toContain("bad gateway");
});

const MACHINES = "/subscriptions/s/providers/Microsoft.Compute/virtualMachines";

test("a collection is read page by page, at the links that ARM gives", async () => {
  answer = (request, response) => {
    const skip = new URL(request.url ?? "", stub.url).searchParams.get("$skiptoken");
    const next = { undefined: "1", "1": "2" }[skip ?? "undefined"];
    const nextLink = next && `${stub.url}${MACHINES}?api-version=2024-07-01&$skiptoken=${next}`;
    response.end(JSON.stringify({ value: [`${skip}a`, `${skip}b`], nextLink }));
  };
  expect(await all(client.list(MACHINES))).toEqual(["nulla", "nullb", "1a", "1b", "2a", "2b"]);
  expect(seen.map(({ line }) => line)).toEqual([
    `GET ${MACHINES}?api-version=2024-07-01`,
    `GET ${MACHINES}?api-version=2024-07-01&$skiptoken=1`,
    `GET ${MACHINES}?api-version=2024-07-01&$skiptoken=2`,
  ]);
});

test.each([
  ["to another origin", "https://evil.example/subscriptions/s", /refused to follow/],
  ["to no https", "http://127.0.0.1/subscriptions/s", /refused to follow/],
  ["in a circle", `${MACHINES}?api-version=2024-07-01`, /in a circle/],
])("a page that leads %s ends the list", async (_, nextLink, message) => {
  says(200, { value: [], nextLink });
  expect((await failing(all(client.list(MACHINES)))).message).toMatch(message);
  expect(seen.length).toBe(1);
});

test("a write may ask that nobody else wrote, and is told the ETag", async () => {
  let match: string | undefined;
  answer = (request, response) => {
    match = request.headers["if-match"];
    response.writeHead(200, { etag: '"2"' }).end("{}");
  };
  expect(await client.put(DISK, {}, { ifMatch: '"1"' })).toMatchObject({ etag: '"2"' });
  expect(match).toBe('"1"');
  says(200, { etag: 'W/"3"' });
  expect(await client.get(DISK)).toMatchObject({ etag: 'W/"3"' });
});

test("a creation may ask that nothing is there", async () => {
  let none: string | undefined;
  answer = (request, response) => {
    none = request.headers["if-none-match"];
    response.writeHead(412).end(JSON.stringify(refused("PreconditionFailed", "it exists")));
  };
  expect((await failing(client.put(DISK, {}, { onlyIfAbsent: true }))).code).toBe("ArmUnavailable");
  expect(none).toBe("*");
});

test("the final GET reads the resource after a write, the location after an action, nothing after a deletion", async () => {
  const headers = { "azure-asyncoperation": `${stub.url}/op/1`, location: `${stub.url}/result/1` };
  says(202, undefined, headers);
  const put = (await client.put(DISK, {})).operation;
  const post = (await client.post(`${DISK}/beginGetAccess`, {})).operation;
  const gone = (await client.delete(DISK)).operation;
  if (!put || !post || !gone) throw new Error("no operation");
  seen.splice(0);
  says(200, { id: DISK });
  expect(await client.result(structuredClone(put))).toEqual({ id: DISK });
  expect(await client.result(structuredClone(post))).toEqual({ id: DISK });
  expect(await client.result(gone)).toBeUndefined();
  expect(seen.map(({ line }) => line)).toEqual([`GET ${DISK}?api-version=2024-03-02`, "GET /result/1"]);
});

test("a final GET of another origin is never sent", async () => {
  const headers = { "azure-asyncoperation": `${stub.url}/op/1`, location: "https://evil.example/r" };
  says(202, undefined, headers);
  expect((await failing(client.post(`${DISK}/beginGetAccess`, {}))).message).toMatch(/refused to poll/);
});

test("what was begun urgently is polled urgently, after it stood in a history as well", async () => {
  says(202, undefined, { location: `${stub.url}/op/1` });
  expect((await client.put(DISK, {})).operation?.urgent).toBeUndefined();
  const { operation } = await client.urgent.put(DISK, {});
  expect(structuredClone(operation)).toMatchObject({ urgent: true });
  expect(client.urgent.watch(DISK)).toMatchObject({ urgent: true });
});

test("ARM's throttling is remembered: nothing is sent before its time", async () => {
  const other = armClient({
    endpoint: stub.url,
    audience: "a",
    credential: credentialOf(TOKEN),
    tls: stub.tls,
  });
  says(429, refused("SubscriptionRequestsThrottled", "later"), {
    "retry-after": "120",
    "x-ms-failure-cause": "gateway",
  });
  expect(await failing(other.put(DISK, {}))).toMatchObject({ code: "ArmUnavailable", retryAfter: 120_000 });
  seen.splice(0);
  const again = await failing(other.urgent.put(DISK, {}));
  expect(again.message).toContain("not sent");
  expect(again.retryAfter).toBeGreaterThan(110_000);
  expect(seen).toEqual([]);
});
