import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ARM_AUDIENCE,
  NORTH,
  OPERATOR,
  type TestBox,
  WEST,
  finished,
  groupId,
  idOf,
  startBox,
} from "./fixture.ts";

const id = (type: string, name: string) => idOf("g", `Microsoft.Network/${type}`, name);
const net = id("virtualNetworks", "net");
const nsg = id("networkSecurityGroups", "nsg");
const route = id("routeTables", "routes");
const address = id("publicIPAddresses", "ip");
const nic = id("networkInterfaces", "nic");

let box: TestBox;
beforeAll(async () => {
  box = await startBox();
  await box.client.put(groupId("g"), { location: NORTH });
  const rule = {
    name: "ssh",
    properties: {
      protocol: "Tcp",
      priority: 100,
      access: "Allow",
      direction: "Inbound",
      sourceAddressPrefix: "*",
      sourcePortRange: "*",
      destinationAddressPrefix: "*",
      destinationPortRange: "22",
    },
  };
  await put(nsg, { properties: { securityRules: [rule] } });
  await put(route, {});
  await put(address, { sku: { name: "Standard" }, properties: { publicIPAllocationMethod: "Static" } });
  await put(net, network({ networkSecurityGroup: { id: nsg }, routeTable: { id: route } }));
  await put(nic, interfaceWith({ publicIPAddress: { id: address } }));
});
afterAll(() => box.close());

const put = async (path: string, body: object, location = NORTH) =>
  finished(box.client, await box.client.put(path, { location, ...body }));
const remove = async (path: string) => finished(box.client, await box.client.delete(path));
const network = (more: object) => ({
  properties: {
    addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
    subnets: [{ name: "a", properties: { addressPrefix: "10.0.0.0/24", ...more } }],
  },
});
const interfaceWith = (more: object) => ({
  properties: {
    ipConfigurations: [{ name: "p", properties: { subnet: { id: `${net}/subnets/a` }, ...more } }],
  },
});

test("a security group shows its rules with ids, and the six that every group has", async () => {
  expect((await box.client.get(nsg)).body).toMatchObject({
    etag: expect.stringMatching(/^W\//),
    properties: {
      securityRules: [{ name: "ssh", id: `${nsg}/securityRules/ssh`, properties: { priority: 100 } }],
      defaultSecurityRules: expect.objectContaining({ length: 6 }),
    },
  });
});

test("what a subnet or a NIC points to is not deleted before them", async () => {
  await expect(remove(nsg)).rejects.toThrow(/InUseNetworkSecurityGroupCannotBeDeleted/);
  await expect(remove(route)).rejects.toThrow(/InUseRouteTableCannotBeDeleted/);
  await expect(remove(address)).rejects.toThrow(/PublicIPAddressCannotBeDeleted/);
});

test("an address belongs to one NIC, until that lets it go", async () => {
  expect((await box.client.get(address)).body).toMatchObject({
    properties: {
      ipAddress: expect.stringMatching(/^198\.51\.100\./),
      ipConfiguration: { id: `${nic}/ipConfigurations/p` },
    },
  });
  const other = id("networkInterfaces", "other");
  const same = interfaceWith({ publicIPAddress: { id: address } });
  await expect(put(other, same)).rejects.toThrow(/PublicIPAddressInUse/);
  await put(nic, interfaceWith({}));
  await put(other, same);
  await remove(other);
  await put(nic, same);
});

test("nothing points to what is not there, or is in another region", async () => {
  const far = id("networkSecurityGroups", "far");
  await put(far, {}, WEST);
  for (const to of [far, id("networkSecurityGroups", "none")])
    await expect(
      box.client.put(net, { location: NORTH, ...network({ networkSecurityGroup: { id: to } }) }),
    ).rejects.toThrow(/InvalidResourceReference/);
});

test("a Standard address is static", async () => {
  await expect(
    put(id("publicIPAddresses", "moving"), {
      sku: { name: "Standard" },
      properties: { publicIPAllocationMethod: "Dynamic" },
    }),
  ).rejects.toThrow(/PublicIPAddressStandardSkuMustBeStatic/);
});

test("a write with an ETag that is no longer the newest is refused", async () => {
  const authorization = `Bearer ${await box.token(OPERATOR.secret, ARM_AUDIENCE)}`;
  const write = (etag: string) =>
    box.call(
      "PUT",
      `${route}?api-version=2024-05-01`,
      { authorization, "if-match": etag },
      { location: NORTH, tags: { n: etag } },
    );
  expect(await write('W/"old"')).toMatchObject({
    status: 412,
    body: { error: { code: "PreconditionFailed" } },
  });
  expect((await write("*")).status).toBe(200);
});
