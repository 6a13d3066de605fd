import { afterAll, beforeAll, expect, test } from "vitest";
import { onlyDeclared } from "../../../engine/azure/declared.ts";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { ensureNetworkInterface, ensureVirtualNetwork } from "../../../engine/azure/network.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { systemClock } from "../../../engine/core/clock.ts";
import { type ArmId, armId } from "../../../engine/core/ids.ts";
import { GIB, bytes } from "../../../engine/core/units.ts";
import { judge } from "../../../engine/eligibility/verdict.ts";
import { cacheAccount } from "../../../engine/recovery/target-names.ts";
import { offers } from "../../../functions/offer.ts";
import { type Intent, survey } from "../../../functions/survey.ts";
import { NORTH, SUBSCRIPTION, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

const owner = { machine: "shared", role: "test" } as const;
const network = idOf("g", "Microsoft.Network/virtualNetworks", "net");
const nic = idOf("g", "Microsoft.Network/networkInterfaces", "nic");
const vm = idOf("g", "Microsoft.Compute/virtualMachines", "shop");
const disks = ["os", "data"].map((name) => idOf("g", "Microsoft.Compute/disks", name));
const [os = vm, data = vm] = disks;

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  const { client } = box;
  await client.put(groupId("g"), { location: WEST });
  const subnets = [{ name: "apps", addressPrefix: "10.1.0.0/24" }];
  const space = { addressPrefixes: ["10.1.0.0/16"], subnets };
  await finished(
    client,
    await ensureVirtualNetwork(client, { id: network, location: WEST, ...space, owner }),
  );
  const subnet = armId(`${network}/subnets/apps`);
  await finished(client, await ensureNetworkInterface(client, { id: nic, location: WEST, subnet, owner }));
  for (const id of disks) {
    const source = { from: "empty", size: bytes(GIB) } as const;
    await finished(
      client,
      await ensureDisk(client, { id, location: WEST, sku: "Premium_LRS", source, owner }),
    );
  }
  const spec = {
    id: vm,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: os, caching: "None", osType: "Linux" },
    dataDisks: [{ id: data, caching: "ReadWrite", lun: 3 }],
    networkInterfaces: [nic],
    owner,
  } as const;
  const body = { ...virtualMachineBody(spec), identity: { type: "SystemAssigned" } };
  const { operation } = await client.put(vm, body);
  await finished(client, operation ? { operation } : {});
});
afterAll(() => box.close());

const look = (change: Partial<Intent> = {}) =>
  survey(
    {
      arm: onlyDeclared(box.client),
      settings: {
        ...Object.create(null),
        region: NORTH,
        subscription: SUBSCRIPTION,
        agentRollout: "handler",
      },
      offerOf: offers(onlyDeclared(box.client), systemClock),
    },
    { vmId: vm, warm: true, ...change },
  );
const codes = async (change: Partial<Intent> = {}) => judge(await look(change)).map(({ code }) => code);
const locked = async (scope: ArmId, level: string, doing: () => Promise<void>) => {
  const lock = `${scope}/providers/Microsoft.Authorization/locks/l`;
  await box.client.put(lock, { properties: { level } });
  await doing();
  await box.client.delete(lock);
};

test("a machine is read with all that belongs to it, by declared calls alone, and nothing is changed", async () => {
  const before = (await box.client.get(vm)).body;
  const found = await look({ request: { resourceGroup: groupId("elsewhere") } });
  expect(found.unread).toEqual([]);
  expect(found.disks.map(({ disk, os: first, caching }) => [disk.name, first, caching])).toEqual([
    ["os", true, "None"],
    ["data", false, "ReadWrite"],
  ]);
  expect(found.nics).toHaveLength(1);
  expect(found.target.offer?.sizes.get("standard_d2s_v5")).toBeDefined();
  expect(found.target.compute?.map(({ name }) => name)).toContain("cores");
  expect(found.target.network?.map(({ name }) => name)).toContain("NetworkInterfaces");
  expect(found.target).toMatchObject({ unregistered: [], taken: [], locks: [] });
  expect(judge(found).map(({ code }) => code)).toEqual(["DiskCachedWrites", "IdentityChanges"]);
  expect((await box.client.get(vm)).body).toEqual(before);
});

test("disks that were named are judged, the others are not", async () => {
  expect(await codes({ request: { disks: [os] } })).toEqual(["IdentityChanges"]);
});

test("a machine that is not there is said to be not there", async () => {
  const gone = idOf("g", "Microsoft.Compute/virtualMachines", "gone");
  await expect(look({ vmId: gone })).rejects.toMatchObject({ code: "NotFound" });
});

test("a lock above the machine is found, and one on the target group", async () => {
  await locked(groupId("g"), "ReadOnly", async () => expect(await codes()).toContain("LockedAgainstChange"));
  await box.client.put(groupId("t"), { location: NORTH });
  await locked(groupId("t"), "CanNotDelete", async () => {
    expect(await codes({ request: { resourceGroup: groupId("t") } })).toContain("LockedAgainstDeletion");
    expect(await codes()).not.toContain("LockedAgainstDeletion");
  });
});

test("a region that does not answer stops the look; what is refused does not", async () => {
  const fault = { kind: "status", path: "/usages", times: 2 };
  await box.admin("POST", "/box/faults", { ...fault, status: 403, code: "AuthorizationFailed" });
  const found = await look();
  expect(found.unread.map(({ what }) => what)).toEqual([
    `quotas of Microsoft.Compute in ${NORTH}`,
    `quotas of Microsoft.Network in ${NORTH}`,
  ]);
  expect(judge(found).map(({ code }) => code)).toContain("Unreadable");
  await box.admin("POST", "/box/faults", { ...fault, status: 503 });
  await expect(look()).rejects.toMatchObject({ code: "ArmUnavailable" });
  await box.admin("DELETE", "/box/faults");
});

test("what the region lacks, and what is used up, is found", async () => {
  const own = await startBox({
    directory: box.directory,
    config: { takenAccountNames: [cacheAccount(vm, WEST).split("/").at(-1)] },
  });
  const limits = { quotas: { cores: 1 }, restrictions: [{ size: "Standard_D2s_v5" }] };
  expect((await own.admin("PUT", `/box/regions/${NORTH}/limits`, limits)).status).toBeLessThan(300);
  const arm = onlyDeclared(own.client);
  const settings = { ...Object.create(null), region: NORTH, subscription: SUBSCRIPTION };
  const found = await survey({ arm, settings, offerOf: offers(arm, systemClock) }, { vmId: vm, warm: true });
  const all = judge(found).map(({ code }) => code);
  expect(all).toEqual(expect.arrayContaining(["SizeRestricted", "QuotaCores", "NameTaken"]));
  await own.close();
});

test("routes of every network that it is in are told of, not of the first one's alone", async () => {
  const { client } = box;
  const put = async (id: ArmId, body: object) => finished(client, await client.put(id, body));
  const routes = idOf("g", "Microsoft.Network/routeTables", "routes");
  await put(routes, { location: WEST, properties: {} });
  const second = idOf("g", "Microsoft.Network/virtualNetworks", "second");
  const rear = { name: "rear", properties: { addressPrefix: "10.2.0.0/24", routeTable: { id: routes } } };
  const properties = { addressSpace: { addressPrefixes: ["10.2.0.0/16"] }, subnets: [rear] };
  await put(second, { location: WEST, properties });
  const nics = [`${network}/subnets/apps`, `${second}/subnets/rear`].map((subnet, at) => ({
    id: idOf("g", "Microsoft.Network/networkInterfaces", `two-${at}`),
    subnet: armId(subnet),
  }));
  for (const one of nics)
    await finished(client, await ensureNetworkInterface(client, { ...one, location: WEST, owner }));
  const disk = idOf("g", "Microsoft.Compute/disks", "two-os");
  const source = { from: "empty", size: bytes(GIB) } as const;
  await finished(
    client,
    await ensureDisk(client, { id: disk, location: WEST, sku: "Premium_LRS", source, owner }),
  );
  const two = idOf("g", "Microsoft.Compute/virtualMachines", "two");
  const body = virtualMachineBody({
    id: two,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: disk, caching: "None", osType: "Linux" },
    dataDisks: [],
    networkInterfaces: nics.map(({ id }) => id),
    owner,
  });
  await put(two, body);
  expect((await look({ vmId: two })).routed).toEqual(["rear"]);
});
