import { readFileSync } from "node:fs";
import path from "node:path";
import {
  type HttpClient,
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from "@azure/core-rest-pipeline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { micros } from "../../../engine/core/units.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { type Served, serveApp } from "./served-app.ts";

/*
 * The item as ASR's clients read it, field by field against what the real service was recorded to answer; and writes that are
 * sent again, or that belong to another version of the item.
 */

let app: Served;
beforeAll(async () => {
  app = await serveApp();
});
afterAll(() => app.close());

type Fields = Record<string, unknown>;
const fields = z.record(z.string(), z.unknown());
const recorded: unknown = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../../fixtures/asr/protected-item.json"), "utf8"),
);

const Item = z.looseObject({
  properties: z.looseObject({
    allowedOperations: z.array(z.string()),
    healthErrors: z.array(
      z.looseObject({ errorId: z.string(), errorCode: z.string(), customerResolvability: z.string() }),
    ),
    providerSpecificDetails: z.looseObject({ protectedManagedDisks: z.array(fields) }),
  }),
});
const look = async () => Item.parse((await app.call("GET", app.item.id)).body);

/** Fields of the recording that are not ours, or of another kind. Null fits everything: both sides have it. */
function differing(real: unknown, own: unknown, at = ""): string[] {
  if (Array.isArray(real) || Array.isArray(own)) {
    if (real === null || own === null) return [];
    if (!Array.isArray(real) || !Array.isArray(own)) return [at];
    const [one, other] = [real.at(0), own.at(0)];
    return one === undefined || other === undefined ? [] : differing(one, other, `${at}[]`);
  }
  const [a, b] = [fields.safeParse(real).data, fields.safeParse(own).data];
  if (a && b) return keysOf(a).flatMap((key) => fieldOf(a, b, key, at));
  if (real === null || own === null) return [];
  return typeof real === typeof own ? [] : [at];
}

const keysOf = (one: Fields): string[] => Object.keys(one);
const fieldOf = (a: Fields, b: Fields, key: string, at: string): string[] =>
  key in b ? differing(a[key], b[key], `${at}.${key}`) : [`${at}.${key} is missing`];

test("the item has every field that the real service was recorded to have, of the same kind", async () => {
  expect(differing(recorded, await look())).toEqual([]);
});

test("its figures are those of now", async () => {
  const { properties } = await look();
  const { providerSpecificDetails: details } = properties;
  expect(details).toMatchObject({
    osType: "Linux",
    rpoInSeconds: expect.any(Number),
    lastRpoCalculatedTime: expect.any(String),
    primaryFabricLocation: app.item.source?.region,
    recoveryFabricLocation: app.item.target?.region,
    recoveryAzureVMSize: "Standard_D2s_v5",
    tfoAzureVMName: "shop-test",
    vmSyncedConfigDetails: { tags: { team: "shop" } },
  });
  expect(details.protectedManagedDisks).toMatchObject([
    { diskName: "os", diskType: "OperatingSystem", diskState: "Protected" },
    { diskName: "data", diskType: "Data" },
  ]);
  expect(properties.allowedOperations).toContain("UnplannedFailover");
});

test("what has happened can be dismissed, and is told of again when it happens again; what goes on cannot", async () => {
  const failed = async (startTime: number) => {
    const { items } = app.records;
    await items.update(itemKey(app.item.id), (old) => ({
      ...old,
      job: { ...old.job, startTime: micros(startTime) },
      failure: { code: "ArmFailed", message: "no", step: "upgrade" },
    }));
  };
  const shown = async () =>
    (await look()).properties.healthErrors.filter(({ errorCode }) => errorCode === "ArmFailed");
  const dismiss = (errors: { errorId: string }[]) =>
    app.call("POST", `${app.item.id}/resolveHealthErrors`, {
      properties: { healthErrors: errors.map(({ errorId }) => ({ healthErrorId: errorId })) },
    });
  await failed(1_000_000);
  expect(await shown()).toMatchObject([{ customerResolvability: "Allowed" }]);
  expect((await dismiss(await shown())).status).toBe(200);
  expect(await shown()).toEqual([]);
  await failed(2_000_000);
  expect(await shown()).toHaveLength(1);
  await app.records.items.update(itemKey(app.item.id), (old) => ({ ...old, failure: undefined }));
  await app.records.progress.update(app.item.machine, (old) => ({
    ...old,
    problem: { code: "StorageDenied", message: "no", since: micros(1), stopped: true },
  }));
  const all = (await look()).properties.healthErrors;
  const lasting = all.filter(({ errorCode }) => errorCode === "StorageDenied");
  expect(lasting).toMatchObject([{ errorCode: "StorageDenied", customerResolvability: "NotAllowed" }]);
  expect((await dismiss(lasting)).status).toBe(400);
  expect((await look()).properties.healthErrors).toHaveLength(all.length);
  await app.records.progress.update(app.item.machine, (old) => ({ ...old, problem: undefined }));
});

test("where it comes up can be changed, and a change that cannot be made is refused by its field", async () => {
  const { id, source, target } = app.item;
  const patch = (properties: unknown) => app.call("PATCH", id, { properties });
  const [disk] = source?.disks ?? [];
  const wish = {
    recoveryAzureVMSize: "Standard_D4s_v5",
    selectedRecoveryAzureNetworkId: target?.network,
    vmNics: [
      {
        nicId: "nic",
        ipConfigs: [
          { ipConfigName: "main", recoverySubnetName: "apps", recoveryStaticIPAddress: "10.1.0.9" },
        ],
      },
    ],
    providerSpecificDetails: {
      instanceType: "A2A",
      managedDiskUpdateDetails: [{ diskId: disk?.id, recoveryTargetDiskAccountType: "StandardSSD_LRS" }],
    },
  };
  expect((await patch(wish)).status).toBe(200);
  const { providerSpecificDetails: details } = (await look()).properties;
  expect(details["recoveryAzureVMSize"]).toBe("Standard_D4s_v5");
  expect(details.protectedManagedDisks[0]?.["recoveryTargetDiskAccountType"]).toBe("StandardSSD_LRS");
  const tag = (await app.call("GET", id)).headers.get("etag");
  const refusals: [unknown, string][] = [
    [{ recoveryAzureVMSize: "no size!" }, "properties.recoveryAzureVMSize"],
    [{ vmNics: [{ nicId: "another" }] }, "properties.vmNics"],
    [
      { selectedRecoveryAzureNetworkId: `${target?.network}-gone` },
      "properties.selectedRecoveryAzureNetworkId",
    ],
    [
      {
        providerSpecificDetails: {
          instanceType: "A2A",
          recoveryCapacityReservationGroupId: "/subscriptions/x",
        },
      },
      "properties.providerSpecificDetails.recoveryCapacityReservationGroupId",
    ],
  ];
  for (const [properties, field] of refusals) {
    const { status, body } = await patch(properties);
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(field)]);
  }
  expect((await app.call("GET", id)).headers.get("etag")).toBe(tag);
});

test("its churn is changed while it is protected, and shown as ASR shows it", async () => {
  const patch = (churn: unknown) =>
    app.call("PATCH", app.item.id, { properties: { leeward: { policy: { churn } } } });
  expect((await patch("Low")).status).toBe(400);
  for (const churn of ["High", "Normal"]) {
    expect((await patch(churn)).status).toBe(200);
    const { providerSpecificDetails: details } = (await look()).properties;
    expect(details["churnOptionSelected"]).toBe(churn);
  }
});

test("a change of another version than the one that is there is refused, and nothing has changed", async () => {
  const tag = (await app.call("GET", app.item.id)).headers.get("etag") ?? "";
  expect(tag).toMatch(/^"[0-9a-f]+"$/);
  const patch = (header: string) =>
    app.call(
      "PATCH",
      app.item.id,
      { properties: { leeward: { policy: { scrubDays: 9 } } } },
      { "if-match": header },
    );
  const refused = await patch('"another"');
  expect(refused).toMatchObject({ status: 412, body: { error: { code: "PreconditionFailed" } } });
  expect((await app.call("GET", app.item.id)).headers.get("etag")).toBe(tag);
  expect((await patch("nonsense")).status).toBe(400);
  expect((await patch(tag)).status).toBe(200);
  expect((await patch(tag)).status).toBe(412);
  const cancelled = await app.call("POST", `${app.item.id}/unplannedFailover`, {}, { "if-match": tag });
  expect([cancelled.status, (await look()).properties["protectionState"]]).toEqual([400, "Protected"]);
  const late = await app.call(
    "POST",
    `${app.item.id}/unplannedFailover`,
    { properties: {} },
    { "if-match": tag },
  );
  expect([late.status, (await look()).properties["protectionState"]]).toEqual([412, "Protected"]);
});

test("a client that sends its failover again, since the answer to the first was a 500, has begun one", async () => {
  const real = createDefaultHttpClient();
  const ids: string[] = [];
  const client: HttpClient = {
    async sendRequest(request) {
      const answer = await real.sendRequest(request);
      ids.push(request.headers.get("x-ms-client-request-id") ?? "");
      return ids.length === 1 ? { ...answer, status: 500, bodyAsText: "" } : answer;
    },
  };
  const pipeline = createPipelineFromOptions({
    retryOptions: { retryDelayInMs: 1 },
    tlsOptions: { ca: app.arm.ca },
  });
  const request = createPipelineRequest({
    url: `${app.host.url}${app.item.id}/unplannedFailover?api-version=2023-06-01`,
    method: "POST",
    headers: createHttpHeaders({
      authorization: `Bearer ${await app.token()}`,
      "content-type": "application/json",
    }),
    body: JSON.stringify({ properties: { providerSpecificDetails: { instanceType: "A2A" } } }),
    allowInsecureConnection: true,
  });
  const { status, headers } = await pipeline.sendRequest(client, request);
  expect(status).toBe(202);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  const begun = [];
  for await (const job of app.records.jobs.list()) if (job.kind === "failover") begun.push(job.operation);
  expect(begun).toHaveLength(1);
  expect(headers.get("azure-asyncoperation")).toContain(begun[0]);
  const other = await app.call(
    "POST",
    `${app.item.id}/unplannedFailover`,
    { properties: {} },
    { "x-ms-client-request-id": "another" },
  );
  expect(other).toMatchObject({ status: 409, body: { error: { code: "Conflict" } } });
  expect(JSON.stringify(other.body)).toContain(begun[0]);
});
