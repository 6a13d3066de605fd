import { readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { OPERATIONS, type Operation } from "../../../engine/contract/site-recovery.ts";

import { type Seen, clientAt } from "../../fixtures/site-recovery-client.ts";
import { type Served, serveApp } from "./served-app.ts";

/*
 * The calls that Microsoft publishes with its client, each made by that client. Their vaults are empty here, and most are of other
 * kinds of protection, so what is proved is that each is answered as the table says and none by a failure of ours.
 */

const samples = z
  .array(
    z.object({
      group: z.string(),
      method: z.string(),
      subscriptionId: z.string(),
      args: z.array(z.unknown()),
    }),
  )
  .parse(
    JSON.parse(
      readFileSync(path.join(import.meta.dirname, "../../fixtures/site-recovery-samples.json"), "utf8"),
    ),
  );

type Sample = (typeof samples)[number];

let served: Served;
/** Of the app that is served: what it registered is known once it is there. */
let isServed: (operation: Operation) => boolean;
beforeAll(async () => {
  served = await serveApp();
  ({ isServed } = await import("../../../functions/vault/absent.ts"));
});
afterAll(() => served.close());

/** Two that the client itself refuses to send. */
const UNSENT = ["replicationFabrics.create", "replicationProtectionContainerMappings.create"];

/** Of what the app does: in a vault without anything, with bodies that are mostly of other kinds of protection. */
const ANSWERS: Readonly<Record<string, readonly number[]>> = {
  "recoveryPoints.get": [404],
  "recoveryPoints.listByReplicationProtectedItems": [404],
  "replicationFabrics.get": [404],
  "replicationFabrics.list": [200],
  "replicationFabrics.delete": [204],
  "replicationFabrics.purge": [204],
  "replicationFabrics.checkConsistency": [404],
  "replicationJobs.get": [404],
  "replicationJobs.list": [200],
  "replicationJobs.cancel": [404],
  "replicationJobs.restart": [404],
  "replicationJobs.resume": [404],
  "replicationJobs.export": [202, 200, 200],
  "replicationNetworkMappings.create": [400],
  "replicationNetworkMappings.update": [400],
  "replicationNetworkMappings.get": [404],
  "replicationNetworkMappings.delete": [204],
  "replicationNetworkMappings.list": [200],
  "replicationNetworkMappings.listByReplicationNetworks": [200],
  "replicationPolicies.create": [400],
  "replicationPolicies.update": [400],
  "replicationPolicies.get": [404],
  "replicationPolicies.delete": [204],
  "replicationPolicies.list": [200],
  "replicationProtectedItems.create": [400],
  "replicationProtectedItems.get": [404],
  "replicationProtectedItems.list": [200],
  "replicationProtectedItems.listByReplicationProtectionContainers": [200],
  "replicationProtectedItems.delete": [204],
  "replicationProtectedItems.purge": [204],
  "replicationProtectionContainerMappings.get": [404],
  "replicationProtectionContainerMappings.update": [404],
  "replicationProtectionContainerMappings.delete": [204],
  "replicationProtectionContainerMappings.purge": [204],
  "replicationProtectionContainerMappings.list": [200],
  "replicationProtectionContainerMappings.listByReplicationProtectionContainers": [200],
  "replicationProtectionContainers.create": [404],
  "replicationProtectionContainers.get": [404],
  "replicationProtectionContainers.delete": [204],
  "replicationProtectionContainers.list": [200],
  "replicationProtectionContainers.listByReplicationFabrics": [404],
  "replicationAlertSettings.create": [200],
  "replicationAlertSettings.get": [200],
  "replicationAlertSettings.list": [200],
  "replicationEligibilityResultsOperations.get": [404],
  "replicationEligibilityResultsOperations.list": [404],
  "replicationEvents.get": [404],
  "replicationEvents.list": [200],
  "replicationProtectionIntents.create": [400],
  "replicationProtectionIntents.get": [404],
  "replicationProtectionIntents.list": [200],
  "replicationVaultHealth.get": [200],
  "replicationVaultHealth.refresh": [202, 200, 200],
  "supportedOperatingSystemsOperations.get": [200],
  "targetComputeSizes.listByReplicationProtectedItems": [404],
  "operations.list": [200],
  "replicationNetworks.get": [404],
  "replicationNetworks.list": [200],
  "replicationNetworks.listByReplicationFabrics": [404],
  "replicationProtectableItems.get": [404],
  "replicationProtectableItems.listByReplicationProtectionContainers": [404],
  "replicationRecoveryServicesProviders.get": [404],
  "replicationRecoveryServicesProviders.list": [200],
  "replicationRecoveryServicesProviders.listByReplicationFabrics": [404],
  "replicationVaultSetting.create": [202, 200, 200],
  "replicationVaultSetting.get": [200],
  "replicationVaultSetting.list": [200],
};

const nameOf = ({ group, method }: Sample): string => {
  const plain = method
    .replace(/^begin(.)/, (_, first: string) => first.toLowerCase())
    .replace(/AndWait$/, "");
  return `${group}.${plain}`;
};

test("the table has each of them, and each once", () => {
  expect(samples.map(nameOf).toSorted()).toEqual(OPERATIONS.map(({ name }) => name).toSorted());
});

test("each is answered as the table says, and none by a failure of ours", async () => {
  const wrong: unknown[] = [];
  for (const sample of samples) {
    const name = nameOf(sample);
    const seen = await run(sample);
    const operation = OPERATIONS.find((one) => one.name === name);
    const statuses = seen.map(({ status }) => status);
    if (!operation || !isRight(operation, seen))
      wrong.push({ name, statuses, body: seen.at(-1)?.body.slice(0, 300) });
  }
  expect(wrong).toEqual([]);
  expect(OPERATIONS.filter(isServed).length).toBeGreaterThan(60);
});

const EMPTY = { value: [], nextLink: null };

function isRight(operation: Operation, seen: readonly Seen[]): boolean {
  const [first] = seen;
  if (UNSENT.includes(operation.name)) return first === undefined;
  if (!first || seen.some(({ status }) => status >= 500)) return false;
  if (!isServed(operation) && operation.isList)
    return first.status === 200 && isDeepStrictEqual(JSON.parse(first.body), EMPTY);
  if (!isServed(operation)) return first.status === 404 && JSON.parse(first.body).error.code === "NotFound";
  const expected = ANSWERS[operation.name];
  return expected
    ? isDeepStrictEqual(
        seen.map(({ status }) => status),
        expected,
      )
    : first.status < 500;
}

/** What it sent and was told; nothing when the client itself refused. */
async function run(sample: Sample): Promise<Seen[]> {
  const token = () => served.token();
  const { client, seen } = clientAt(served.host.url, "https://127.0.0.1:7071", token, sample.subscriptionId);
  const group: unknown = Reflect.get(client, sample.group);
  const method: unknown =
    typeof group === "object" && group !== null ? Reflect.get(group, sample.method) : undefined;
  if (typeof method !== "function") throw new Error(`the client has no ${nameOf(sample)}`);
  try {
    const result: unknown = await Reflect.apply(method, group, sample.args);
    if (isPaged(result)) for await (const _ of result);
  } catch {
    // What it was told is in `seen`.
  }
  return seen;
}

const isPaged = (result: unknown): result is AsyncIterable<unknown> =>
  typeof result === "object" && result !== null && Symbol.asyncIterator in result;
