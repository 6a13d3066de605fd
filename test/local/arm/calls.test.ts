import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  SUBSCRIPTION,
  type TestBox,
  WEST,
  groupId,
  startBox,
} from "./fixture.ts";

const failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const S = `/subscriptions/${SUBSCRIPTION}`;
const V = "api-version=2024-07-01";

let box: TestBox;
let authorization: string;
beforeAll(async () => {
  box = await startBox();
  authorization = `Bearer ${await box.token(OPERATOR.secret, ARM_AUDIENCE)}`;
  await box.client.put(groupId("Shop"), { location: WEST });
});
afterAll(() => box.close());

const call = (method: string, path: string, body?: unknown) =>
  box.call(method, path, { authorization }, body);
const group = `${S}/resourceGroups/shop`;

test.each([
  ["GET", S, 400, "MissingApiVersionParameter"],
  ["GET", `${S}?api-version=soon`, 400, "InvalidApiVersionParameter"],
  [
    "GET",
    `${group}/providers/Microsoft.Compute/disks/d?api-version=2019-01-01`,
    400,
    "NoRegisteredProviderFound",
  ],
  ["GET", `/subscriptions/99999999-9999-4999-8999-999999999999?${V}`, 404, "SubscriptionNotFound"],
  ["GET", `${S}/resourceGroups/nowhere?${V}`, 404, "ResourceGroupNotFound"],
  [
    "PUT",
    `${S}/resourceGroups/nowhere/providers/Microsoft.Compute/disks/d?${V}`,
    404,
    "ResourceGroupNotFound",
  ],
  ["GET", `${group}/providers/Microsoft.Compute/disks/none?${V}`, 404, "ResourceNotFound"],
  ["GET", `${group}/providers/Microsoft.Nothing/things/t?${V}`, 404, "InvalidResourceNamespace"],
  ["GET", `${group}/providers/Microsoft.Compute/things/t?${V}`, 404, "InvalidResourceType"],
  ["POST", `${group}/providers/Microsoft.Compute/disks/d/explode?${V}`, 404, "InvalidResourceType"],
  ["GET", `${S}/providers/Microsoft.Nothing?${V}`, 404, "InvalidResourceNamespace"],
  ["POST", `${group}/providers/Microsoft.Compute/disks/d?${V}`, 405, "HttpMethodNotAllowed"],
  ["GET", "/nonsense?api-version=2024-07-01", 404, "InvalidResourcePath"],
  ["GET", `/subscriptions/%zz?${V}`, 400, "InvalidResourcePath"],
])("%s %s is %i %s", async (method, path, status, code) => {
  const answer = await call(method, path);
  expect([answer.status, failure.parse(answer.body).error.code]).toEqual([status, code]);
  expect(answer.headers["x-ms-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("a body that is not JSON, or not as published, is refused and changes nothing", async () => {
  const headers = { authorization, "content-type": "text/plain" };
  const text = await box.call("PUT", `${group}?${V}`, headers, "x");
  expect(text.status).toBe(415);
  const missing = await call("PUT", `${S}/resourceGroups/new?${V}`, { tags: {} });
  expect(failure.parse(missing.body).error.message).toContain("'location'");
  const nowhere = await call("PUT", `${S}/resourceGroups/new?${V}`, { location: "atlantis" });
  expect(failure.parse(nowhere.body).error.code).toBe("LocationNotAvailableForResourceType");
  expect((await call("HEAD", `${S}/resourceGroups/new?${V}`)).status).toBe(404);
});

test("paths are compared without regard to case, and ids keep the case of their creator", async () => {
  const answer = await call(
    "GET",
    `/SUBSCRIPTIONS/${SUBSCRIPTION}/RESOURCEGROUPS/SHOP?API-Version=2024-07-01`,
  );
  expect(answer.body).toMatchObject({ id: groupId("Shop"), name: "Shop", location: WEST });
});

test("answers tell the request and how much of the budget is left", async () => {
  const headers = { authorization, "x-ms-client-request-id": "mine" };
  const answer = await box.call("GET", `${group}?${V}`, headers);
  expect(answer.headers["x-ms-client-request-id"]).toBe("mine");
  expect(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]).toBeDefined();
});

test("a newer api-version is answered like the one that was modelled", async () => {
  expect((await call("GET", `${group}?api-version=2030-01-01`)).status).toBe(200);
});

test("subscription, regions, providers, sizes and usages are there to be read", async () => {
  expect((await box.client.get(S)).body).toMatchObject({ subscriptionId: SUBSCRIPTION, state: "Enabled" });
  expect((await box.client.get(`${S}/locations`)).body).toMatchObject({
    value: [{ name: WEST, metadata: { pairedRegion: [{ name: NORTH }] } }, { name: NORTH }],
  });
  const compute = `${S}/providers/Microsoft.Compute`;
  expect((await box.client.get(compute)).body).toMatchObject({ registrationState: "Registered" });
  expect((await box.client.post(`${compute}/register`)).status).toBe(200);
  const skus = await box.client.get(`${compute}/skus`, { query: { $filter: `location eq '${NORTH}'` } });
  expect(skus.body).toMatchObject({
    value: expect.arrayContaining([
      expect.objectContaining({ resourceType: "virtualMachines", locations: [NORTH] }),
      expect.objectContaining({ resourceType: "disks", name: "Premium_LRS" }),
    ]),
  });
  const usages = await box.client.get(`${compute}/locations/${WEST}/usages`);
  expect(usages.body).toMatchObject({
    value: expect.arrayContaining([
      expect.objectContaining({ name: expect.objectContaining({ value: "cores" }), currentValue: 0 }),
    ]),
  });
});

test("a group's location never changes", async () => {
  const answer = await call("PUT", `${group}?${V}`, { location: NORTH });
  expect([answer.status, failure.parse(answer.body).error.code]).toEqual([
    409,
    "InvalidResourceGroupLocation",
  ]);
});
