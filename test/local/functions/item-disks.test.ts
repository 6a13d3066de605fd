import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { ensureDisk } from "../../../engine/azure/disk.ts";
import { virtualMachineBody } from "../../../engine/azure/virtual-machine.ts";
import { GIB, bytes, diskIndex } from "../../../engine/core/units.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { WEST, finished, groupId, idOf } from "../arm/fixture.ts";
import { type Served, serveApp } from "./served-app.ts";

/* Disks that come to a protection and go from it, over HTTP: what is asked, what is refused and what is written down. */

let app: Served;
const compute = (type: string, name: string) => idOf("source", `Microsoft.Compute/${type}`, name);
const EXTRA = compute("disks", "extra");
const SHARED = compute("disks", "loose");

beforeAll(async () => {
  app = await serveApp();
  await machineOf(app);
});
afterAll(() => app.close());

/** The machine that the item protects, with one disk more than are protected. */
async function machineOf({ arm: { client } }: Served): Promise<void> {
  const put = async (id: string, body: object) => finished(client, await client.put(id, body));
  await put(groupId("source"), { location: WEST });
  const network = idOf("source", "Microsoft.Network/virtualNetworks", "net");
  const subnets = [{ name: "apps", properties: { addressPrefix: "10.1.0.0/24" } }];
  await put(network, {
    location: WEST,
    properties: { addressSpace: { addressPrefixes: ["10.1.0.0/16"] }, subnets },
  });
  const nic = idOf("source", "Microsoft.Network/networkInterfaces", "nic");
  const subnet = { id: `${network}/subnets/apps` };
  await put(nic, {
    location: WEST,
    properties: { ipConfigurations: [{ name: "ip", properties: { subnet } }] },
  });
  const owner = { machine: "shared", role: "source" } as const;
  const source = { from: "empty", size: bytes(GIB) } as const;
  for (const name of ["os", "data", "extra", "loose"])
    await finished(
      client,
      await ensureDisk(client, {
        id: compute("disks", name),
        location: WEST,
        sku: "Premium_LRS",
        source,
        owner,
      }),
    );
  const id = compute("virtualMachines", "shop");
  const attached = (name: string, lun: number) => ({
    id: compute("disks", name),
    caching: "None" as const,
    lun,
  });
  const body = virtualMachineBody({
    id,
    location: WEST,
    size: "Standard_D2s_v5",
    osDisk: { id: compute("disks", "os"), caching: "None", osType: "Linux" },
    dataDisks: [attached("data", 1), attached("extra", 2)],
    networkInterfaces: [nic],
    owner,
  });
  await put(id, { ...body, tags: {}, identity: { type: "SystemAssigned" } });
}

const details = (more: object) => ({
  properties: { providerSpecificDetails: { instanceType: "A2A", ...more } },
});
const add = (more: object, headers?: Record<string, string>) =>
  app.call("POST", `${app.item.id}/addDisks`, details({ vmManagedDisks: [more] }), headers);
const remove = (ids: readonly string[]) =>
  app.call("POST", `${app.item.id}/removeDisks`, details({ vmManagedDisksIds: ids }));

const record = async () => {
  const found = await app.records.items.get(itemKey(app.item.id));
  if (!found) throw new Error("there is no item");
  return found.value;
};

/** The agent stands before so many disks, and leaves out what it is not told to record. */
const serving = async (count: number) =>
  app.records.agents.upsert(app.item.machine, () => ({
    format: 1,
    machine: app.item.machine,
    version: "0.1.0",
    registeredAt: app.item.job.startTime,
    accessUntil: app.item.job.startTime,
    serves: Array.from({ length: count }, (_, n) => ({ index: diskIndex(n), size: bytes(GIB) })),
  }));

/** The comparison of the new generation is through, as its first point says. */
const compared = async () => {
  const { generation } = await record();
  await app.records.progress.update(app.item.machine, (old) => ({
    ...old,
    arrived: { ...old.arrived, generation },
    cut: { ...old.cut, generation },
  }));
};

const refusals = [
  ["one that the machine does not have", () => add({ diskId: SHARED }), 400, "is not attached to shop"],
  [
    "one that is protected already",
    () => add({ diskId: compute("disks", "data") }),
    400,
    "one of its disks already",
  ],
  [
    "another cache account",
    () =>
      add({
        diskId: EXTRA,
        primaryStagingAzureStorageAccountId: idOf("shop", "Microsoft.Storage/storageAccounts", "other"),
      }),
    400,
    "vmManagedDisks.0.primaryStagingAzureStorageAccountId",
  ],
  ["a disk that its agent does not serve", () => add({ diskId: EXTRA }), 409, "as number 2"],
  ["the disk that it boots from", () => remove([compute("disks", "os")]), 400, "boots from"],
  ["a disk that is none of its", () => remove([EXTRA]), 400, "none of its disks"],
] as const;

test("an agent that records all that it serves is to be upgraded first", async () => {
  const before = await record();
  expect(await remove([compute("disks", "data")])).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining("upgrade it first") } },
  });
  expect(await record()).toEqual(before);
  await serving(2);
});

test.each(refusals)("%s is refused, and nothing changes", async (_, ask, status, words) => {
  const before = await record();
  expect(await ask()).toMatchObject({ status, body: { error: { message: expect.stringContaining(words) } } });
  expect(await record()).toEqual(before);
});

const status = z.looseObject({ status: z.string() });

test("a disk is added: 202, a job that has ended, and another generation; the same request finds it done", async () => {
  await serving(3);
  const headers = { "x-ms-client-request-id": "add-extra-1" };
  const wish = { diskId: EXTRA, recoveryTargetDiskAccountType: "StandardSSD_LRS" };
  const sent = await add(wish, headers);
  expect(sent).toMatchObject({ status: 202, body: undefined });
  const { pathname } = new URL(sent.headers.get("azure-asyncoperation") ?? "");
  expect(status.parse((await app.call("GET", pathname)).body).status).toBe("Succeeded");
  const job = pathname.replace("/replicationOperationStatus/", "/replicationJobs/");
  expect((await app.call("GET", job)).body).toMatchObject({
    properties: { scenarioName: "AddDisks", state: "Succeeded", targetObjectId: app.item.id },
  });
  const changed = await record();
  expect(changed).toMatchObject({ generation: 2, resync: { reason: "disks" } });
  expect(changed.source?.disks).toMatchObject([
    { index: 0, name: "os" },
    { index: 1, name: "data" },
    { index: 2, name: "extra", since: 2, lun: 2, size: GIB },
  ]);
  expect(changed.target?.disks).toEqual([{ index: 2, sku: "StandardSSD_LRS" }]);
  const again = await add(wish, headers);
  expect(again.headers.get("azure-asyncoperation")).toBe(sent.headers.get("azure-asyncoperation"));
  expect(await record()).toEqual(changed);
});

test("while the new generation is compared, its set does not change again", async () => {
  expect(await remove([compute("disks", "data")])).toMatchObject({
    status: 409,
    body: { error: { code: "Conflict" } },
  });
});

test("a disk is removed: it stays known for the points that have it, and the item shows the others", async () => {
  await compared();
  expect(await remove([compute("disks", "data")])).toMatchObject({ status: 202 });
  const { source, generation } = await record();
  expect(source?.disks.map(({ index }) => index)).toEqual([0, 2]);
  expect(source?.removed).toMatchObject([{ index: 1, name: "data", until: generation }]);
  expect((await app.call("GET", app.item.id)).body).toMatchObject({
    properties: {
      providerSpecificDetails: { protectedManagedDisks: [{ diskName: "os" }, { diskName: "extra" }] },
    },
  });
});
