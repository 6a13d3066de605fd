import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { armId } from "../../engine/core/ids.ts";
import { CONTAINER } from "../../engine/journal/names.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import { connectContainer } from "../../engine/storage/connect.ts";
import { REGIONS } from "../../local/box/place.ts";
import { operatorOf } from "../../local/box/credential.ts";
import { allOrders, checkIntegrity } from "../../local/demo/ledger-client.ts";
import { ledgerOf, sourceLedger } from "../../local/demo/scene.ts";
import { vantageOn } from "../../local/demo/vantage.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { compareOrders, ordersProved } from "../../local/machine/proof.ts";
import { bootImageOf, vmDirectory } from "../../local/machine/vm-directory.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/*
 * Test failovers of a machine that serves orders: in an isolated network, to any write with a failure on the way, and in a
 * network of the user's that fails and is cleaned up half-built. The tests build on each other.
 */

const box = new BoxFixture();
let customers: Customers;
let before: string[] = [];
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 3000,
  checkpointInterval: 4000,
  verifyInterval: 1000,
  replica: "warm",
};

const item = () => box.item("Ledger");
const testOf = async () => (await box.look()).leeward.test;
const jobView = z.object({
  properties: z.looseObject({
    state: z.string(),
    scenarioName: z.string(),
    leewardTest: z.looseObject({ rtoSeconds: z.number().nullable() }).nullable(),
    leewardComments: z.string().nullable(),
    leewardDeleted: z
      .looseObject({ deleted: z.array(z.looseObject({ name: z.string() })), left: z.array(z.unknown()) })
      .nullish(),
  }),
});
const jobOf = async (operation: string) =>
  jobView.parse((await box.call("GET", `${box.vault}/replicationJobs/${operation}`)).body).properties;

const begin = (properties: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  box.call("POST", `${item()}/testFailover`, { properties }, headers);
const cleanUp = (comments?: string) =>
  box.call("POST", `${item()}/testFailoverCleanup`, { properties: { comments } });
const ended = (state: string) =>
  box.until(`a test that is ${state}`, ({ leeward }) => (leeward.test?.state ?? "none") === state);

/** Ids of everything in the group that is failed over into. */
async function resources(): Promise<string[]> {
  const group = `/subscriptions/${box.box.plan.subscription}/resourceGroups/Shop-Recovery`;
  const { value } = await arm("GET", `${group}/resources`);
  return value.map(({ id }) => id.toLowerCase()).toSorted();
}

const listed = z.object({ value: z.array(z.object({ id: z.string() })).default([]) });

async function arm(method: string, path: string, body?: unknown) {
  const token = await box.box.token("https://management.azure.com");
  const url = `https://127.0.0.1:${box.box.plan.ports.arm}${path}?api-version=2024-07-01`;
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return listed.loose().parse(text === "" ? {} : JSON.parse(text));
}

/** Blobs that were promoted for imports, and kept turns of rebuilds, wherever they are. */
async function remains(): Promise<string[]> {
  const found: string[] = [];
  const origin = new URL(box.box.plan.targetBlobEndpoint).origin;
  for (const account of box.box.plan.accounts.target) {
    const container = connectContainer(`${origin}/${account}`, CONTAINER, operatorOf(box.box));
    if (!(await container.exists().catch(() => false))) continue;
    for await (const { name } of container.listBlobsFlat())
      if (/\/(import\/|rebuilds\/.*test)/.test(name)) found.push(name);
  }
  return found;
}

/** The copy answers, and its disk was the source's at the point when it first started. */
async function proved(now: NonNullable<Awaited<ReturnType<typeof testOf>>>): Promise<void> {
  const url = await ledgerOf(box.box, armId(now.vmId));
  expect(url).toBeDefined();
  expect((await checkIntegrity(url ?? "")).ok).toBe(true);
  const { machine } = (await box.look()).leeward;
  if (now.write) return;
  const sight = await vantageOn(box.box, machine, now.point ?? "");
  const found = compareOrders(customers.log, await allOrders(url ?? ""), sight.point.time);
  expect(found.missing).toEqual([]);
  expect(ordersProved(found)).toBe(true);
  const digests = await blockDigestsAt(sight);
  for (const { index, size } of sight.point.disks) {
    const image = await open(bootImageOf(vmDirectory(box.box.plan.directory, armId(now.vmId)), index), "r");
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await image.read(buffer, 0, length, offset);
      return buffer;
    };
    expect(await verifyImage(read, size, digests.get(index) ?? new Uint8Array())).toEqual([]);
    await image.close();
  }
}

test("a machine without a point cannot be tested, and bad input changes nothing", async () => {
  await box.protected(POLICY);
  customers = await box.openShop(7);
  await box.until("a few points", ({ leeward }) => Boolean(leeward.verification?.replica.verifiedPoint));
  before = await resources();
  expect(errorOf(await begin({ networkId: "net" }))).toMatchObject({
    status: 400,
    message: expect.stringContaining("properties.networkId"),
  });
  const nowhere = `${box.box.plan.sourceVm.id.replace(/\/providers\/.*/, "")}/providers/Microsoft.Network/virtualNetworks/none`;
  expect(errorOf(await begin({ networkId: nowhere }))).toMatchObject({ status: 400, code: "InvalidRequest" });
  expect(errorOf(await begin({ networkType: "NoNetworkAttachAsInput", networkId: nowhere }))).toMatchObject({
    status: 400,
    message: expect.stringContaining("networkId"),
  });
  expect(errorOf(await cleanUp())).toMatchObject({ status: 409, code: "StateNotAllowed" });
  expect(await testOf()).toBeNull();
  expect(await resources()).toEqual(before);
});

test("a copy comes up in an isolated network with its data proved, and the source does not notice", async () => {
  const source = await sourceLedger(box.box);
  const { leeward: old } = await box.look();
  const headers = { "x-ms-client-request-id": randomUUID() };
  const first = await begin({}, headers);
  expect(first.status).toBe(202);
  const again = await begin({}, headers);
  expect(again.headers.get("location")).toBe(first.headers.get("location"));
  expect(errorOf(await begin())).toMatchObject({ status: 409, code: "Conflict" });
  const { leeward: now, ...properties } = await ended("ready");
  if (!now.test) throw new Error("there is no test");
  expect(properties).toMatchObject({
    protectionState: "Protected",
    testFailoverState: "TestFailoverCompleted",
    providerSpecificDetails: {
      testFailoverRecoveryFabricObjectId: now.test.vmId,
      recoveryFabricObjectId: null,
    },
  });
  await proved(now.test);
  expect(await ledgerOf(box.box, armId(now.test.vmId))).not.toBe(source);
  expect(now.test.rtoSeconds).toBeGreaterThan(0);
  const job = await jobOf(now.test.operation);
  expect(job).toMatchObject({ state: "Succeeded", scenarioName: "TestFailover" });
  expect(job.leewardTest?.rtoSeconds).toBe(now.test.rtoSeconds);
  // Replication went on: the same generation, points of after the test, one of them compared with the source.
  expect(now.generation).toBe(old.generation);
  const built = now.test.pointTime ?? "";
  await box.until("a verified point of after the test", ({ leeward: { verification, generation } }) => {
    expect(generation).toBe(old.generation);
    return (verification?.verifiedTime ?? "") > (now.test?.endTime ?? built);
  });
  expect((await box.points()).map(({ name }) => name)).toContain(now.test.point);
});

test("nothing gets into the isolated network, nor out of it", async () => {
  const made = await testOf();
  const network = await arm("GET", made?.networkId ?? "");
  const subnets = z
    .object({
      properties: z.object({
        virtualNetworkPeerings: z.array(z.unknown()).default([]),
        subnets: z.array(
          z.object({
            properties: z.object({
              defaultOutboundAccess: z.literal(false),
              networkSecurityGroup: z.object({ id: z.string() }),
            }),
          }),
        ),
      }),
    })
    .parse(network).properties;
  expect(subnets.virtualNetworkPeerings).toEqual([]);
  const [subnet] = subnets.subnets;
  const guard = await arm("GET", subnet?.properties.networkSecurityGroup.id ?? "");
  const { securityRules } = z
    .object({ properties: z.object({ securityRules: z.array(z.object({ properties: z.looseObject({}) })) }) })
    .parse(guard).properties;
  const denied = securityRules.filter(({ properties }) => properties["access"] === "Deny");
  expect(
    denied.map(({ properties }) => [properties["direction"], properties["destinationAddressPrefix"]]),
  ).toEqual([
    ["Inbound", "*"],
    ["Outbound", "*"],
  ]);
});

test("protection does not end, nor a second test begin, while there is one", async () => {
  expect(errorOf(await begin())).toMatchObject({ status: 409, code: "StateNotAllowed" });
  const { leeward } = await box.look();
  expect(leeward.state).toBe("Protected");
});

test("the clean-up leaves nothing, says what it deleted, and keeps the comments", async () => {
  const made = await resources();
  const gone = made.filter((id) => !before.includes(id));
  expect(gone.length).toBeGreaterThanOrEqual(5);
  expect((await cleanUp("all orders are there")).status).toBe(202);
  const { leeward } = await ended("none");
  expect(await resources()).toEqual(before);
  expect(await remains()).toEqual([]);
  expect(leeward.formerTest).toMatchObject({ comments: "all orders are there" });
  const jobs = await box.names(`${box.vault}/replicationJobs`);
  const job = await jobOf(jobs[0] ?? "");
  expect(job).toMatchObject({ scenarioName: "TestFailoverCleanup", leewardComments: "all orders are there" });
  const deleted = job.leewardDeleted?.deleted.map(({ name }) => name.toLowerCase()) ?? [];
  expect(deleted).toEqual(expect.arrayContaining(gone));
  expect(job.leewardDeleted?.left).toEqual([]);
});

test("a test to any write that fails on the way is tried again, and goes on from there", async () => {
  const { leeward } = await box.look();
  // Of the writes before a barrier, which come all the time.
  const sequence = (leeward.latestPoint?.sequence ?? 0) - 2;
  await box.breakNext("/virtualMachines/ledger-test");
  const asked = await begin({ networkType: "NoNetworkAttachAsInput", leeward: { sequence } });
  expect(asked.status).toBe(202);
  const failed = await ended("failed");
  expect(failed).toMatchObject({
    protectionState: "Protected",
    testFailoverState: "TestFailoverFailed",
    // With the sizes that would do in its place.
    leeward: { test: { failure: { code: "TargetUnfit", message: expect.stringContaining("no room") } } },
  });
  expect((await begin()).status).toBe(202);
  const { leeward: now } = await ended("ready");
  expect(now.test).toMatchObject({ road: "upload", network: "sealed", write: { sequence } });
  if (now.test) await proved(now.test);
  expect((await cleanUp()).status).toBe(202);
  await ended("none");
  expect(await resources()).toEqual(before);
  expect(await remains()).toEqual([]);
});

test("a half-built test in a network of the user's is cleaned up, at the second try, and the network stays", async () => {
  const { subscription } = box.box.plan;
  const id = `/subscriptions/${subscription}/resourceGroups/Shop-Recovery/providers/Microsoft.Network/virtualNetworks/drills`;
  const subnets = [{ name: "any", properties: { addressPrefix: "10.99.0.0/24" } }];
  await arm("PUT", id, {
    location: REGIONS.target,
    properties: { addressSpace: { addressPrefixes: ["10.99.0.0/16"] }, subnets },
  });
  const around = await waitFor(
    "the network",
    async () => {
      const now = await resources();
      return now.length > before.length ? now : undefined;
    },
    10_000,
  );
  await box.breakNext("/virtualMachines/ledger-test");
  expect((await begin({ networkType: "VmNetworkAsInput", networkId: id })).status).toBe(202);
  const failed = await ended("failed");
  expect(failed.leeward.test).toMatchObject({ network: "named", networkId: id });
  await box.breakNext("/networkInterfaces/");
  expect((await cleanUp()).status).toBe(202);
  const stuck = await ended("cleanupFailed");
  expect(stuck.leeward.test?.failure).toMatchObject({ code: "ArmFailed" });
  expect((await cleanUp()).status).toBe(202);
  await ended("none");
  expect(await resources()).toEqual(around);
  expect(await remains()).toEqual([]);
  await customers.stop();
});
