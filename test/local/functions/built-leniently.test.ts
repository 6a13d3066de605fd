import tls from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { vmNics } from "../../../functions/vm-nics.ts";
import { decodeFailure } from "../../../orchestrations/failure.ts";
import { NORTH, type TestBox, idOf, startBox } from "../arm/fixture.ts";
import { type Scene, VM, failOver, makeSource, protect, testFailOver } from "./built-scene.ts";

/*
 * What the region's lists say beforehand, what a person may say against them, and what is built with less than was wanted: of a
 * failover, and of its test.
 */

let box: TestBox;
let scene: Scene;
beforeEach(async () => {
  box = await startBox({ config: { retryAfter: 0, operationTime: 0 } });
  await makeSource(box);
  scene = await protect(box);
});
afterEach(() => box.close());

const target = (type: string, name: string) => idOf("recovery", type, name);
const MACHINES = "Microsoft.Compute/virtualMachines";
const seen = async (id: string) => (await box.client.get(id)).body;
const limit = (limits: unknown) => box.admin("PUT", `/box/regions/${NORTH}/limits`, limits);
const fault = (body: unknown) => box.admin("POST", "/box/faults", body);

test("a test knows how its copy started, with the end of its console and the addresses that it has", async () => {
  // As NODE_EXTRA_CA_CERTS does, for the storage library; it keeps the authorities that it began with, so this is the first test.
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), box.ca]);
  box.hypervisor.words = "Linux 6.1\r\npassword=hush\nlogin:\n";
  const { item, trace } = await testFailOver(scene);
  expect(trace.filter((step) => step.endsWith("Boot"))).toEqual(["observeBoot", "readBoot"]);
  expect(item.test).toMatchObject({
    state: "ready",
    boot: { power: "running", agent: "Ready", console: ["Linux 6.1", "password=***", "login:"] },
    nics: [{ name: "front" }, { name: "back" }],
  });
  expect(item.failover).toBeUndefined();
  expect(vmNics(item)[0]).toMatchObject({
    replicaNicId: null,
    tfoVMNetworkId: target("Microsoft.Network/virtualNetworks", "ledger-test"),
    ipConfigs: [
      { tfoSubnetName: "apps", tfoStaticIPAddress: "10.1.1.10" },
      { tfoSubnetName: "apps", tfoStaticIPAddress: "10.1.1.20" },
    ],
  });
});

test("a size that the lists call restricted is built all the same, if somebody says so, and a note keeps it", async () => {
  // The list of sizes is remembered for five minutes: what was restricted when it was read may be free again.
  await limit({ restrictions: [{ size: "Standard_D4s_v5" }] });
  expect((await failOver(scene)).item.state).toBe("FailoverFailed");
  await limit({});
  const cold = { ...scene, tools: { ...scene.tools, services: remembering(scene) } };
  const { error, item } = await failOver(cold, { build: { acceptUnfit: true } });
  expect(error).toBeUndefined();
  expect(item.state).toBe("UnplannedFailoverCommitPending");
  expect(item.failover?.notes).toEqual([
    expect.stringMatching(
      /^built all the same: SizeRestricted: Standard_D4s_v5 is restricted in northeurope/,
    ),
  ]);
  expect(await seen(target(MACHINES, "ledger"))).toMatchObject({
    properties: { hardwareProfile: { vmSize: "Standard_D4s_v5" } },
  });
});

/** As the app is for five minutes: with the list from before. */
function remembering({ services }: Scene): Scene["services"] {
  const { offerOf } = services;
  return { ...services, offerOf: (subscription, region) => offerOf(subscription, region) };
}

test("one that Azure refuses in spite of it fails in Azure's words, with sizes that would do", async () => {
  await limit({ restrictions: [{ size: "Standard_D4s_v5" }] });
  const { error, item } = await failOver(scene, { build: { acceptUnfit: true } });
  expect(decodeFailure(error).message).toMatch(/SkuNotAvailable: .*nearest first: Standard_E4s_v5/);
  expect(item).toMatchObject({
    state: "FailoverFailed",
    failure: { code: "TargetUnfit", step: "create the virtual machine" },
  });
});

test("where the app may not assign the source's identities the machine is built without them, and a note names them", async () => {
  const refusal = {
    status: 403,
    code: "LinkedAuthorizationFailed",
    message: "no permission to assign/action",
  };
  await fault({ kind: "status", method: "PUT", path: target(MACHINES, "ledger"), ...refusal });
  const { error, item } = await failOver(scene);
  expect(error).toBeUndefined();
  expect(item.failover?.notes).toEqual(["the app may not assign ledger-id: the machine was built without"]);
  const { identity } = Object(await seen(target(MACHINES, "ledger")));
  expect(identity).toMatchObject({ type: "SystemAssigned" });
  expect(JSON.stringify(identity)).not.toContain("ledger-id");
});

test("another refusal of rights is no reason to build with less", async () => {
  const refusal = { status: 403, code: "AuthorizationFailed", message: "no permission to write" };
  await fault({ kind: "status", method: "PUT", path: target(MACHINES, "ledger"), times: 9, ...refusal });
  const { item } = await failOver(scene);
  expect(item).toMatchObject({ state: "FailoverFailed", failure: { code: "ArmFailed" } });
  expect(item.failover?.notes).toBeUndefined();
});

test("a test is refused before anything of it is made, names sizes, and goes on with one of them", async () => {
  await limit({ restrictions: [{ size: "Standard_D4s_v5" }] });
  const first = await testFailOver(scene);
  expect(first.trace).not.toContain("createTestNetwork");
  expect(first.item).toMatchObject({
    state: "Protected",
    test: {
      state: "failed",
      failure: { code: "TargetUnfit", step: "check the target region" },
      fit: {
        size: "Standard_D4s_v5",
        alternatives: ["Standard_E4s_v5", expect.anything(), expect.anything(), expect.anything()],
      },
    },
  });
  expect(await box.client.find(target("Microsoft.Network/virtualNetworks", "ledger-test"))).toBeUndefined();
  const { error, item } = await testFailOver(scene, { size: "Standard_E4s_v5" });
  expect(error).toBeUndefined();
  expect(item.test?.state).toBe("ready");
  expect(await seen(target(MACHINES, "ledger-test"))).toMatchObject({
    properties: { hardwareProfile: { vmSize: "Standard_E4s_v5" } },
  });
  // A failover is not told by a test what to build.
  await limit({});
  expect(await seen(VM)).toMatchObject({ properties: { hardwareProfile: { vmSize: "Standard_D4s_v5" } } });
  const over = await failOver(scene);
  expect(over.item.failover?.fit?.size).toBe("Standard_D4s_v5");
});

test("a test that the region has no room for is tried again with another size, on the disks that it has", async () => {
  const copy = target(MACHINES, "ledger-test");
  await fault({ kind: "fail-operation", path: copy, code: "AllocationFailed", message: "no room" });
  const first = await testFailOver(scene);
  expect(decodeFailure(first.error).message).toMatch(
    /AllocationFailed: no room.* nearest first: Standard_E4s_v5/,
  );
  const { item, trace, error } = await testFailOver(scene, { size: "Standard_E4s_v5" });
  expect(error).toBeUndefined();
  expect(trace).toContain("clearVm");
  expect(item.test?.state).toBe("ready");
  expect(await seen(copy)).toMatchObject({ properties: { hardwareProfile: { vmSize: "Standard_E4s_v5" } } });
});
