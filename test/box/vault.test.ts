import type { SiteRecoveryManagementClient } from "@azure/arm-recoveryservices-siterecovery";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { REGIONS } from "../../local/box/place.ts";
import { leewardItem } from "../../engine/contract/protected-item.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture, errorOf } from "./fixture.ts";
import { all, siteRecoveryClient } from "./site-recovery.ts";

/*
 * What a vault has beside its items, driven by Microsoft's own client over https with the client's stock authentication. The
 * tests build on each other, as a script does that sets a vault up and takes it away again.
 */

const box = new BoxFixture();
let client: SiteRecoveryManagementClient;
let names: [vault: string, group: string];

beforeAll(async () => {
  await box.open();
  client = siteRecoveryClient(box);
  const [, , , , group = "", , , , vault = ""] = box.vault.split("/");
  names = [vault, group];
});
afterAll(() => box.close());

test("a fabric is made, read and listed", async () => {
  const fabrics = client.replicationFabrics;
  const made = await fabrics.beginCreateAndWait(...names, "East", {
    properties: { customDetails: { instanceType: "Azure", location: "East US" } },
  });
  expect(made).toMatchObject({
    name: "East",
    properties: { friendlyName: "East US", customDetails: { instanceType: "Azure", location: "eastus" } },
  });
  await fabrics.beginCreateAndWait(...names, "Rear", {
    properties: { customDetails: { instanceType: "Azure", location: "westus2" } },
  });
  expect((await all(fabrics.list(...names))).map(({ name }) => name)).toEqual(["East", "Rear"]);
  expect(await fabrics.get(...names, "eAST")).toEqual(made);
});

test("a fabric of another kind, or of another region, is refused by its field, and nothing changes", async () => {
  const wrong = { properties: { customDetails: { instanceType: "VMM" } } };
  const refused = errorOf(await box.call("PUT", `${box.vault}/replicationFabrics/Other`, wrong));
  expect(refused).toMatchObject({ status: 400, message: expect.stringContaining("instanceType") });
  const moved = { properties: { customDetails: { instanceType: "Azure" as const, location: "westus" } } };
  const clash = client.replicationFabrics.beginCreateAndWait(...names, "east", moved);
  await expect(clash).rejects.toMatchObject({ statusCode: 409 });
  expect(await box.names(`${box.vault}/replicationFabrics`)).toEqual(["East", "Rear"]);
});

test("containers are made in fabrics, and paired by a mapping with a policy", async () => {
  const containers = client.replicationProtectionContainers;
  const body = { properties: { providerSpecificInput: [{ instanceType: "A2A" as const }] } };
  const east = await containers.beginCreateAndWait(...names, "East", "Shop", body);
  const rear = await containers.beginCreateAndWait(...names, "Rear", "Shop-Rear", body);
  expect(east.properties).toMatchObject({ pairingStatus: "NotPaired", fabricFriendlyName: "East US" });
  const policy = await client.replicationPolicies.beginCreateAndWait(...names, "Week", {
    properties: {
      providerSpecificInput: {
        instanceType: "A2A",
        recoveryPointHistory: 7 * 24 * 60,
        appConsistentFrequencyInMinutes: 240,
        multiVmSyncStatus: "Enable",
      },
    },
  });
  expect(policy.properties?.providerSpecificDetails).toEqual({
    instanceType: "A2A",
    recoveryPointThresholdInMinutes: 0,
    recoveryPointHistory: 7 * 24 * 60,
    crashConsistentFrequencyInMinutes: 5,
    appConsistentFrequencyInMinutes: 240,
    multiVmSyncStatus: "Enabled",
  });
  const mapping = await client.replicationProtectionContainerMappings.beginCreateAndWait(
    ...names,
    "East",
    "Shop",
    "Over",
    {
      properties: {
        policyId: policy.id ?? "",
        targetProtectionContainerId: rear.id ?? "",
        providerSpecificInput: { instanceType: "A2A", agentAutoUpdateStatus: "Disabled" },
      },
    },
  );
  expect(mapping.properties).toMatchObject({ state: "Paired", targetFabricFriendlyName: "West US 2" });
  const paired = (await all(containers.list(...names))).map(({ name, properties }) => [
    name,
    properties?.pairingStatus,
    properties?.role,
  ]);
  expect(paired).toEqual([
    ["Shop", "Paired", "Primary"],
    ["Shop-Rear", "Paired", "Recovery"],
  ]);
});

test("what is in use is not removed, and the refusal names what uses it", async () => {
  const refused = (work: Promise<unknown>, said: string) =>
    expect(work).rejects.toMatchObject({ statusCode: 409, message: expect.stringContaining(said) });
  await refused(client.replicationPolicies.beginDeleteAndWait(...names, "Week"), "Over");
  await refused(client.replicationProtectionContainers.beginDeleteAndWait(...names, "East", "Shop"), "Over");
  await refused(client.replicationFabrics.beginDeleteAndWait(...names, "Rear"), "Shop-Rear");
});

test("a network is mapped, changed and unmapped", async () => {
  const network = (name: string) =>
    `/subscriptions/${box.box.plan.subscription}/resourceGroups/Shop/providers/Microsoft.Network/virtualNetworks/${name}`;
  const mappings = client.replicationNetworkMappings;
  const at = ["East", "azureNetwork", "Way"] as const;
  const made = await mappings.beginCreateAndWait(...names, ...at, {
    properties: {
      recoveryFabricName: "Rear",
      recoveryNetworkId: network("Far"),
      fabricSpecificDetails: { instanceType: "AzureToAzure", primaryNetworkId: network("Near") },
    },
  });
  expect(made.properties).toMatchObject({
    primaryNetworkId: network("Near"),
    recoveryFabricFriendlyName: "West US 2",
    fabricSpecificSettings: { primaryFabricLocation: "eastus", recoveryFabricLocation: "westus2" },
  });
  const moved = await mappings.beginUpdateAndWait(...names, ...at, {
    properties: { recoveryNetworkId: network("Farther") },
  });
  expect(moved.properties).toMatchObject({ recoveryNetworkId: network("Farther") });
  expect(await all(mappings.list(...names))).toEqual([moved]);
  await mappings.beginDeleteAndWait(...names, ...at);
  expect(await all(mappings.listByReplicationNetworks(...names, "East", "azureNetwork"))).toEqual([]);
});

test("writes answer as the recorded service does: 202, no body, both places, and a job of the operation's name", async () => {
  const target = `${box.vault}/replicationPolicies/Day`;
  const body = {
    properties: { providerSpecificInput: { instanceType: "A2A", multiVmSyncStatus: "Enable" } },
  };
  const headers = { "x-ms-client-request-id": "once" };
  const answer = await box.call("PUT", target, body, headers);
  expect(answer).toMatchObject({ status: 202, body: undefined });
  const again = await box.call("PUT", target, body, headers);
  const status = answer.headers.get("azure-asyncoperation") ?? "";
  expect(again.headers.get("azure-asyncoperation")).toBe(status);
  expect(answer.headers.get("location")).toContain(`${target}/operationresults/`);
  expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
  const operation = /replicationOperationStatus\/([\w-]+)/.exec(status)?.[1] ?? "";
  expect((await box.call("GET", new URL(status).pathname)).body).toMatchObject({
    name: operation,
    status: "Succeeded",
    error: null,
  });
  const job = await client.replicationJobs.get(...names, operation);
  expect(job.properties).toMatchObject({ scenarioName: "SaveProtectionProfile", state: "Succeeded" });
});

test("an operator makes policies; to change or to delete one takes an administrator", async () => {
  const operator = await box.attendant();
  const target = `${box.vault}/replicationPolicies/Day`;
  const body = (recoveryPointHistory: number) => ({
    properties: {
      providerSpecificInput: { instanceType: "A2A", multiVmSyncStatus: "Enable", recoveryPointHistory },
    },
  });
  expect((await box.call("PUT", `${target}2`, body(60), operator)).status).toBe(202);
  expect(errorOf(await box.call("PUT", target, body(60), operator)).status).toBe(403);
  expect(errorOf(await box.call("DELETE", target, undefined, operator)).status).toBe(403);
});

test("lists come in pages whose links are absolute, and lose nothing when something goes meanwhile", async () => {
  const target = `${box.vault}/replicationPolicies`;
  const first = await box.call("GET", `${target}?$top=2`);
  const { value, nextLink } = pageOf(first.body);
  expect(value.map(({ name }) => name)).toEqual(["Day", "Day2"]);
  expect(nextLink.startsWith(box.box.endpoint)).toBe(true);
  await client.replicationPolicies.beginDeleteAndWait(...names, "Day2");
  const next = await fetch(nextLink, { headers: { authorization: `Bearer ${await box.box.token()}` } });
  expect(pageOf(await next.json()).value.map(({ name }) => name)).toEqual(["Week"]);
  const broken = errorOf(await box.call("GET", `${target}?$skipToken=%21`));
  expect(broken).toMatchObject({ status: 400, message: expect.stringContaining("skiptoken") });
});

function pageOf(body: unknown): { value: { name: string }[]; nextLink: string } {
  return JSON.parse(JSON.stringify(body));
}

test("all of it is taken away again", async () => {
  const mappings = client.replicationProtectionContainerMappings;
  await mappings.beginDeleteAndWait(...names, "East", "Shop", "Over", { properties: {} });
  const containers = client.replicationProtectionContainers;
  await containers.beginDeleteAndWait(...names, "East", "Shop");
  await containers.beginDeleteAndWait(...names, "Rear", "Shop-Rear");
  await client.replicationFabrics.beginDeleteAndWait(...names, "East");
  await client.replicationFabrics.beginPurgeAndWait(...names, "Rear");
  for (const name of ["Week", "Day"]) await client.replicationPolicies.beginDeleteAndWait(...names, name);
  for (const kind of ["Fabrics", "ProtectionContainers", "Policies", "ProtectionContainerMappings"])
    expect(await box.names(`${box.vault}/replication${kind}`)).toEqual([]);
  await client.replicationFabrics.beginPurgeAndWait(...names, "Rear");
});

const intentBody = (more: Record<string, unknown> = {}) => {
  const { sourceVm, subscription } = box.box.plan;
  return {
    instanceType: "A2A" as const,
    fabricObjectId: sourceVm.id,
    primaryLocation: REGIONS.source,
    recoveryLocation: REGIONS.target,
    recoverySubscriptionId: subscription,
    recoveryAvailabilityType: "Single",
    recoveryResourceGroupId: `/subscriptions/${subscription}/resourceGroups/Shop-Recovery`,
    protectionProfileCustomInput: {
      resourceType: "New" as const,
      policyName: "Days",
      recoveryPointHistory: 2880,
      crashConsistentFrequencyInMinutes: 1,
      multiVmSyncStatus: "Enable",
    },
    ...more,
  };
};

test("an intent for another region, or with a policy of nothing, is refused, and nothing is made", async () => {
  const put = (more: Record<string, unknown>) =>
    box.call("PUT", `${box.vault}/replicationProtectionIntents/Ledger`, {
      properties: { providerSpecificDetails: intentBody(more) },
    });
  const elsewhere = errorOf(await put({ recoveryLocation: "mars" }));
  expect(elsewhere).toMatchObject({ status: 400, message: expect.stringContaining("recoveryLocation") });
  const profile = { resourceType: "Existing", protectionProfileId: `${box.vault}/replicationPolicies/None` };
  expect(errorOf(await put({ protectionProfileCustomInput: profile })).status).toBe(400);
  for (const kind of ["Fabrics", "Policies", "ProtectedItems", "ProtectionIntents"])
    expect(await box.names(`${box.vault}/replication${kind}`)).toEqual([]);
});

test("one intent protects a machine, and everything that it is protected by is there", async () => {
  const intents = client.replicationProtectionIntents;
  const body = { properties: { providerSpecificDetails: intentBody() } };
  const made = await intents.create(...names, "Ledger", body);
  expect(made.properties).toMatchObject({ jobState: "InProgress", isActive: true });
  expect(await intents.create(...names, "Ledger", body)).toEqual(made);
  const [item] = await all(client.replicationProtectedItems.list(...names));
  const protectedThere = async () => {
    const { properties } = await client.replicationJobs.get(
      ...names,
      (made.properties?.jobId ?? "").split("/").at(-1) ?? "",
    );
    if (properties?.state === "Failed") throw new Error(JSON.stringify(properties.errors));
    return properties?.state === "Succeeded" ? properties : undefined;
  };
  const job = await waitFor("the protection", protectedThere, 120_000);
  expect(job.targetObjectId).toBe(item?.id);
  expect((await all(intents.list(...names))).map(({ properties }) => properties?.jobState)).toEqual([
    "Succeeded",
  ]);
  const [mapping] = await all(client.replicationProtectionContainerMappings.list(...names));
  expect(mapping?.properties?.policyFriendlyName).toBe("Days");
  expect(item?.properties?.policyId).toBe(`${box.vault}/replicationPolicies/Days`);
});

test("its policy decides what it does, from the moment that it is changed, and is not removed", async () => {
  const [item] = await all(client.replicationProtectedItems.list(...names));
  const look = async () =>
    z
      .object({ properties: z.object({ leeward: leewardItem }) })
      .parse((await box.call("GET", item?.id ?? "")).body).properties.leeward.policy;
  expect(await look()).toMatchObject({ pointInterval: 60_000, retention: { window: 2880 * 60_000 } });
  await client.replicationPolicies.beginUpdateAndWait(...names, "Days", {
    properties: {
      replicationProviderSettings: {
        instanceType: "A2A",
        recoveryPointHistory: 60,
        multiVmSyncStatus: "Enable",
      },
    },
  });
  expect(await look()).toMatchObject({ pointInterval: 60_000, retention: { window: 60 * 60_000 } });
  const refused = client.replicationPolicies.beginDeleteAndWait(...names, "Days");
  await expect(refused).rejects.toMatchObject({ statusCode: 409 });
});

test("jobs are filtered as clients ask, tell what can be done about them, and are exported", async () => {
  const jobs = client.replicationJobs;
  const enabled = await all(
    jobs.list(...names, { filter: "ScenarioName eq 'EnableDr' and JobStatus eq 'Succeeded'" }),
  );
  expect(enabled.map(({ properties }) => properties?.allowedActions)).toEqual([[]]);
  const name = enabled[0]?.name ?? "";
  const none = await all(jobs.list(...names, { filter: "StartTime eq '2999-01-01T00:00:00Z'" }));
  expect(none).toEqual([]);
  const wrong = errorOf(
    await box.call("GET", `${box.vault}/replicationJobs?$filter=${encodeURIComponent("Colour eq 'red'")}`),
  );
  expect(wrong).toMatchObject({ status: 400, message: expect.stringContaining("colour") });
  await expect(jobs.beginCancelAndWait(...names, name)).rejects.toMatchObject({ statusCode: 409 });
  await expect(jobs.beginRestartAndWait(...names, name)).rejects.toMatchObject({ statusCode: 409 });
  await expect(jobs.beginResumeAndWait(...names, name, { properties: {} })).rejects.toMatchObject({
    statusCode: 409,
  });
  const made = await jobs.beginExportAndWait(...names, {
    affectedObjectTypes: "ProtectionEntity",
    jobStatus: "",
  });
  const { blobUri } = z.object({ blobUri: z.string() }).parse(made.properties?.customDetails);
  const exported = await box.names(new URL(blobUri).pathname);
  expect(exported).toEqual([name]);
});

test("what happened is in the log of events, and the vault's health counts its machine", async () => {
  const event = await waitFor(
    "the event of the enablement",
    async () =>
      (await all(client.replicationEvents.list(...names, { filter: "EventType eq 'JobStatus'" })))[0],
    120_000,
  );
  expect(event.properties).toMatchObject({
    eventCode: "EnableDrSucceeded",
    severity: "Info",
    affectedObjectFriendlyName: box.box.plan.sourceVm.name,
  });
  const health = await client.replicationVaultHealth.get(...names);
  expect(health.properties?.protectedItemsHealth?.resourceCount).toBe(1);
});

test("an enablement is cancelled while its first copy goes on: its job says so, and nothing of it is left", async () => {
  const [item] = await all(
    client.replicationProtectedItems.list(...names, { filter: "InstanceType eq 'A2A'" }),
  );
  const [, , , , , , , , , , fabric = "", , container = "", , name = ""] = (item?.id ?? "").split("/");
  const place = [fabric, container, name] as const;
  await client.replicationProtectedItems.beginDeleteAndWait(...names, ...place, { properties: {} });
  const slow = await box.call("PUT", item?.id ?? "", {
    properties: {
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: box.box.plan.sourceVm.id,
        recoveryResourceGroupId: intentBody().recoveryResourceGroupId,
      },
      leeward: { policy: { replica: "none", heartbeatEvery: 500, resync: { rate: 2 ** 20 } } },
    },
  });
  const operation =
    /replicationOperationStatus\/([\w-]+)/.exec(slow.headers.get("azure-asyncoperation") ?? "")?.[1] ?? "";
  const cancellable = async () => {
    const { properties } = await client.replicationJobs.get(...names, operation);
    if (properties?.state !== "InProgress") throw new Error(`the job has ended: ${properties?.state}`);
    return properties.allowedActions?.includes("Cancel") ? true : undefined;
  };
  await waitFor("the first copy", cancellable, 120_000);
  const job = await client.replicationJobs.beginCancelAndWait(...names, operation);
  expect(job.properties).toMatchObject({ state: "Cancelled", scenarioName: "EnableDr", allowedActions: [] });
  expect(await all(client.replicationProtectedItems.list(...names))).toEqual([]);
  const cancelled = await all(client.replicationJobs.list(...names, { filter: "JobStatus eq 'Cancelled'" }));
  expect(cancelled.map((one) => one.name)).toEqual([operation]);
});
