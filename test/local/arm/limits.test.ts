import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { NORTH, SUBSCRIPTION, type TestBox, WEST, finished, groupId, idOf, startBox } from "./fixture.ts";

const S = `/subscriptions/${SUBSCRIPTION}`;
const C = `${S}/providers/Microsoft.Compute`;
const id = (type: string, name: string) => idOf("g", type, name);

const open: TestBox[] = [];
afterEach(async () => {
  for (const box of open.splice(0)) await box.close();
});

async function start(limits: object = {}, config: object = {}): Promise<TestBox> {
  const regions = [{ name: NORTH, ...limits }, { name: WEST }];
  const box = await startBox({ config: { regions, ...config } });
  open.push(box);
  await box.client.put(groupId("g"), { location: NORTH });
  return box;
}

async function put(box: TestBox, path: string, body: object): Promise<void> {
  await finished(box.client, await box.client.put(path, body));
}

async function network(box: TestBox): Promise<void> {
  await put(box, id("Microsoft.Network/virtualNetworks", "net"), {
    location: NORTH,
    properties: {
      addressSpace: { addressPrefixes: ["10.0.0.0/16"] },
      subnets: [{ name: "a", properties: { addressPrefix: "10.0.0.0/24" } }],
    },
  });
}

const disk = (box: TestBox, name: string, sku = "Premium_LRS") =>
  put(box, id("Microsoft.Compute/disks", name), {
    location: NORTH,
    sku: { name: sku },
    properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1, osType: "Linux" },
  });

async function machine(box: TestBox, name: string, size: string, more: object = {}, data = 0): Promise<void> {
  const subnet = `${id("Microsoft.Network/virtualNetworks", "net")}/subnets/a`;
  await put(box, id("Microsoft.Network/networkInterfaces", name), {
    location: NORTH,
    properties: { ipConfigurations: [{ name: "p", properties: { subnet: { id: subnet } } }] },
  });
  for (const n of Array(data + 1).keys()) await disk(box, `${name}-${n}`);
  const attach = (n: number) => ({
    createOption: "Attach",
    managedDisk: { id: id("Microsoft.Compute/disks", `${name}-${n}`) },
  });
  await put(box, id("Microsoft.Compute/virtualMachines", name), {
    location: NORTH,
    properties: {
      hardwareProfile: { vmSize: size },
      storageProfile: {
        osDisk: { osType: "Linux", ...attach(0) },
        dataDisks: [...Array(data).keys()].map((n) => ({ lun: n, ...attach(n + 1) })),
      },
      networkProfile: { networkInterfaces: [{ id: id("Microsoft.Network/networkInterfaces", name) }] },
    },
    ...more,
  });
}

const counted = z.object({
  value: z.array(
    z.object({ name: z.object({ value: z.string() }), currentValue: z.number(), limit: z.number() }),
  ),
});
async function usage(box: TestBox, provider: string, name: string): Promise<[number, number] | undefined> {
  const { body } = await box.client.get(`${S}/providers/${provider}/locations/${NORTH}/usages`);
  const found = counted.parse(body).value.find((one) => one.name.value === name);
  return found && [found.currentValue, found.limit];
}

test("machines count in cores, in their family and by number, up to the region's quota", async () => {
  const box = await start({ quotas: { cores: 6, standardDSv5Family: 4 } });
  await network(box);
  await machine(box, "one", "Standard_D2s_v5");
  await machine(box, "two", "Standard_D2s_v5");
  expect(await usage(box, "Microsoft.Compute", "standardDSv5Family")).toEqual([4, 4]);
  expect(await usage(box, "Microsoft.Compute", "cores")).toEqual([4, 6]);
  await expect(machine(box, "three", "Standard_D2s_v5")).rejects.toThrow(/exceeding approved.*DSv5/);
  await expect(machine(box, "four", "Standard_E4s_v5")).rejects.toThrow(/Total Regional vCPUs quota/);
  await machine(box, "five", "Standard_B2s");
  await finished(box.client, await box.client.delete(id("Microsoft.Compute/virtualMachines", "one")));
  await machine(box, "three", "Standard_D2s_v5");
});

test("quotas and restrictions change while the box runs, and outlive it", async () => {
  const box = await start();
  await network(box);
  const changed = { quotas: { cores: 1 }, restrictions: [{ size: "Standard_E4s_v5" }] };
  expect((await box.admin("PUT", `/box/regions/${NORTH}/limits`, changed)).status).toBe(200);
  await expect(machine(box, "vm", "Standard_D2s_v5")).rejects.toThrow(/Current Limit: 1/);
  await box.close();
  open.splice(0);
  const again = await startBox({ directory: box.directory });
  open.push(again);
  expect(await usage(again, "Microsoft.Compute", "cores")).toEqual([0, 1]);
  await expect(machine(again, "vm", "Standard_E4s_v5")).rejects.toThrow(/SkuNotAvailable/);
});

test("a size that a region or a zone does not offer is refused there, and listed with its restriction", async () => {
  const box = await start({
    restrictions: [{ size: "Standard_D4s_v5" }, { size: "Standard_D2s_v5", zones: ["2"] }],
  });
  await network(box);
  await expect(machine(box, "a", "Standard_D4s_v5")).rejects.toThrow(/SkuNotAvailable/);
  await expect(machine(box, "b", "Standard_D2s_v5", { zones: ["2"] })).rejects.toThrow(/SkuNotAvailable/);
  await machine(box, "c", "Standard_D2s_v5", { zones: ["1"] });
  const skus = z.object({
    value: z.array(z.object({ name: z.string(), restrictions: z.array(z.unknown()) })),
  });
  const { body } = await box.client.get(`${C}/skus`, { query: { $filter: `location eq '${NORTH}'` } });
  const of = (name: string) => skus.parse(body).value.find((sku) => sku.name === name)?.restrictions;
  expect(of("Standard_D4s_v5")).toMatchObject([
    { type: "Location", reasonCode: "NotAvailableForSubscription" },
  ]);
  expect(of("Standard_D2s_v5")).toMatchObject([{ type: "Zone", restrictionInfo: { zones: ["2"] } }]);
  expect(of("Standard_E4s_v5")).toEqual([]);
});

test("a size takes only so many disks, and premium ones only where it can", async () => {
  const box = await start();
  await network(box);
  await expect(machine(box, "many", "Standard_D2s_v5", {}, 5)).rejects.toThrow(
    /maximum number of data disks/,
  );
  await expect(machine(box, "plain", "Standard_D2_v5")).rejects.toThrow(
    /does not support the storage account type/,
  );
  await expect(machine(box, "odd", "Standard_Z99")).rejects.toThrow(/VM size is not valid/);
});

test("disks, availability sets, NICs and public addresses have quotas too", async () => {
  const box = await start({
    quotas: { PremiumDiskCount: 1, availabilitySets: 0, NetworkInterfaces: 0, StaticPublicIPAddresses: 0 },
  });
  await network(box);
  await disk(box, "one");
  await expect(disk(box, "two")).rejects.toThrow(/Premium Storage Managed Disks quota/);
  await disk(box, "three", "Standard_LRS");
  const set = { location: NORTH, sku: { name: "Aligned" } };
  await expect(put(box, id("Microsoft.Compute/availabilitySets", "s"), set)).rejects.toThrow(/Sets quota/);
  await expect(machine(box, "vm", "Standard_D2s_v5")).rejects.toThrow(/NetworkInterfaceCountLimitReached/);
  const address = {
    location: NORTH,
    sku: { name: "Standard" },
    properties: { publicIPAllocationMethod: "Static" },
  };
  await expect(put(box, id("Microsoft.Network/publicIPAddresses", "p"), address)).rejects.toThrow(
    /StaticPublicIPAddressCountLimitReached/,
  );
  expect(await usage(box, "Microsoft.Network", "VirtualNetworks")).toEqual([1, 1000]);
});

test("a name of a storage account that somebody else has is not free", async () => {
  const box = await start({}, { takenAccountNames: ["someone"] });
  const ask = async (name: string) =>
    (
      await box.client.post(`${S}/providers/Microsoft.Storage/checkNameAvailability`, {
        name,
        type: "Microsoft.Storage/storageAccounts",
      })
    ).body;
  expect(await ask("someone")).toMatchObject({ nameAvailable: false, reason: "AlreadyExists" });
  expect(await ask("No")).toMatchObject({ nameAvailable: false, reason: "AccountNameInvalid" });
  expect(await ask("nobody")).toEqual({ nameAvailable: true });
  expect(await usage(box, "Microsoft.Storage", "StorageAccounts")).toEqual([0, 0]);
});

test("a long list comes in pages, and none is left out when one is deleted in between", async () => {
  const box = await start({}, { pageSize: 2 });
  for (const name of ["a", "b", "c", "d", "e"]) await disk(box, name);
  const page = z.object({
    value: z.array(z.object({ name: z.string() })),
    nextLink: z.string().optional(),
  });
  const authorization = `Bearer ${await box.token("operator-secret-0001", "https://management.azure.com")}`;
  const names: string[][] = [];
  let next: string | undefined = `${groupId("g")}/providers/Microsoft.Compute/disks?api-version=2024-03-02`;
  while (next) {
    const { value, nextLink } = page.parse((await box.call("GET", next, { authorization })).body);
    names.push(value.map(({ name }) => name));
    if (names.length === 1)
      await finished(box.client, await box.client.delete(id("Microsoft.Compute/disks", "b")));
    next = nextLink;
  }
  expect(names).toEqual([["a", "b"], ["c", "d"], ["e"]]);
});
