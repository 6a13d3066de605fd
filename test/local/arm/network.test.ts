import { afterAll, beforeAll, expect, test } from "vitest";
import {
  checkIpAddress,
  ensureNetworkInterface,
  ensureVirtualNetwork,
  getNetworkInterface,
  getVirtualNetwork,
} from "../../../engine/azure/network.ts";
import { remove } from "../../../engine/azure/resource.ts";
import { ensureResourceGroup, findResourceGroup } from "../../../engine/azure/resource-group.ts";
import { ensureStorageAccount, getStorageAccount } from "../../../engine/azure/storage-account.ts";
import { armId } from "../../../engine/core/ids.ts";
import { NORTH, SUBSCRIPTION, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

const owner = { machine: "shared", role: "test" } as const;
const network = idOf("g", "Microsoft.Network/virtualNetworks", "net");
const subnet = armId(`${network}/subnets/apps`);
const nic = (name: string) => idOf("g", "Microsoft.Network/networkInterfaces", name);
const account = (name: string) => idOf("g", "Microsoft.Storage/storageAccounts", name);

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  await ensureResourceGroup(box.client, { id: groupId("g"), location: NORTH, owner });
  const begun = await ensureVirtualNetwork(box.client, {
    id: network,
    location: NORTH,
    addressPrefixes: ["10.1.0.0/16"],
    subnets: [{ name: "apps", addressPrefix: "10.1.1.0/28" }],
    owner,
  });
  await finished(box.client, begun);
});
afterAll(() => box.close());

const make = async (name: string, address?: string, location = NORTH) => {
  const spec = { id: nic(name), location, subnet, owner, addresses: [{ name: "primary", address }] };
  await finished(box.client, await ensureNetworkInterface(box.client, spec));
  return (await getNetworkInterface(box.client, nic(name))).properties.ipConfigurations[0]?.properties;
};

test("a group is ours by its tags, and making it twice changes nothing", async () => {
  const again = await ensureResourceGroup(box.client, { id: groupId("g"), location: NORTH, owner });
  expect(again).toEqual({ id: groupId("g") });
  const group = await findResourceGroup(box.client, groupId("g"));
  expect(group?.tags).toEqual({ "leeward-machine": "shared", "leeward-role": "test" });
  expect(await findResourceGroup(box.client, groupId("none"))).toBeUndefined();
});

test("a network comes with its subnets", async () => {
  const { properties } = await getVirtualNetwork(box.client, network);
  expect(properties.provisioningState).toBe("Succeeded");
  expect(properties.subnets).toMatchObject([{ id: subnet, properties: { addressPrefix: "10.1.1.0/28" } }]);
});

test("a NIC gets the first free address, or keeps the one it asks for", async () => {
  expect(await make("dynamic")).toMatchObject({
    privateIPAddress: "10.1.1.4",
    privateIPAllocationMethod: "Dynamic",
    primary: true,
  });
  expect(await make("static", "10.1.1.5")).toMatchObject({ privateIPAddress: "10.1.1.5" });
  expect(await make("next")).toMatchObject({ privateIPAddress: "10.1.1.6" });
  expect(await make("dynamic")).toMatchObject({ privateIPAddress: "10.1.1.4" });
});

test("whether an address is free is told before it is taken", async () => {
  await make("taker", "10.1.1.9");
  expect(await checkIpAddress(box.client, network, "10.1.1.10")).toMatchObject({ available: true });
  const taken = await checkIpAddress(box.client, network, "10.1.1.9");
  expect(taken.available).toBe(false);
  expect(taken.availableIPAddresses).toContain("10.1.1.10");
  expect((await checkIpAddress(box.client, network, "10.1.1.1")).available).toBe(false);
  expect(await checkIpAddress(box.client, network, "10.9.9.9")).toEqual({
    available: false,
    availableIPAddresses: [],
  });
});

test.each([
  ["10.1.1.9", "PrivateIPAddressInUse"],
  ["10.1.1.3", "PrivateIPAddressInReservedRange"],
  ["10.1.1.15", "PrivateIPAddressInReservedRange"],
  ["10.1.2.7", "PrivateIPAddressNotInSubnet"],
  ["10.1.1.999", "InvalidIPAddressFormat"],
])("the address %s is refused: %s", async (address, code) => {
  await make("taker", "10.1.1.9");
  await expect(make("refused", address)).rejects.toThrow(code);
});

test("a NIC belongs to its network's region", async () => {
  await expect(make("far", undefined, WEST)).rejects.toThrow("InvalidResourceReference");
});

test("a subnet with NICs cannot be taken out of its network, nor the network deleted", async () => {
  await make("holder");
  const without = { location: NORTH, properties: { addressSpace: { addressPrefixes: ["10.1.0.0/16"] } } };
  await expect(box.client.put(network, without)).rejects.toThrow("InUseSubnetCannotBeDeleted");
  await expect(remove(box.client, network, owner)).rejects.toThrow("InUseSubnetCannotBeDeleted");
});

test.each([
  ["10.2.0.0/24", "NetcfgInvalidSubnet"],
  ["10.1.0.0/33", "InvalidCIDRNotation"],
  ["10.1.0.7/24", "InvalidCIDRNotation"],
])("a subnet %s is refused: %s", async (addressPrefix, code) => {
  const making = ensureVirtualNetwork(box.client, {
    id: idOf("g", "Microsoft.Network/virtualNetworks", "bad"),
    location: NORTH,
    addressPrefixes: ["10.1.0.0/16"],
    subnets: [{ name: "a", addressPrefix }],
    owner,
  });
  await expect(making).rejects.toThrow(code);
});

test("a storage account takes an account of its region's storage, once", async () => {
  const make2 = async (name: string, location: string) => {
    const spec = { id: account(name), location, sku: "Standard_LRS", owner } as const;
    const begun = await ensureStorageAccount(box.client, spec);
    expect(begun.operation?.mode).toBe("location");
    await finished(box.client, begun);
    return (await getStorageAccount(box.client, account(name))).properties.primaryEndpoints;
  };
  const first = await make2("first", NORTH);
  expect(first).toEqual({
    blob: "https://127.0.0.1:10000/north1/",
    table: "https://127.0.0.1:10002/north1/",
  });
  expect((await make2("west", WEST)).blob).toContain("/west1/");
  await finished(box.client, await remove(box.client, account("first"), owner));
  expect((await make2("second", NORTH)).blob).toContain("/north2/");
  await expect(make2("third", NORTH)).rejects.toThrow("MaxStorageAccountsCount");
});

test("names of storage accounts are checked", async () => {
  const path = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability`;
  const check = async (name: string) =>
    (await box.client.post(path, { name, type: "Microsoft.Storage/storageAccounts" })).body;
  expect(await check("free1")).toEqual({ nameAvailable: true });
  expect(await check("Not-Valid")).toMatchObject({ nameAvailable: false, reason: "AccountNameInvalid" });
  const spec = { location: NORTH, sku: "Standard_LRS", owner } as const;
  const bad = idOf("g", "Microsoft.Storage/storageAccounts", "Not-Valid");
  await expect(ensureStorageAccount(box.client, { ...spec, id: bad })).rejects.toThrow("AccountNameInvalid");
});

test("what is not ours is never touched", async () => {
  const foreign = groupId("theirs");
  await box.client.put(foreign, { location: NORTH, tags: { theirs: "yes" } });
  const ensuring = ensureResourceGroup(box.client, { id: foreign, location: NORTH, owner });
  await expect(ensuring).rejects.toMatchObject({ code: "ForeignResource" });
  await expect(remove(box.client, foreign, owner)).rejects.toMatchObject({ code: "ForeignResource" });
  const other = { machine: "shared", role: "other" } as const;
  const taking = ensureResourceGroup(box.client, { id: groupId("g"), location: NORTH, owner: other });
  await expect(taking).rejects.toMatchObject({ code: "ForeignResource" });
  expect((await findResourceGroup(box.client, foreign))?.tags).toEqual({ theirs: "yes" });
});
