import { open } from "node:fs/promises";
import { expect } from "vitest";
import { armId } from "../../engine/core/ids.ts";
import { bytes } from "../../engine/core/units.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import { REGIONS } from "../../local/box/place.ts";
import { allOrders, checkIntegrity } from "../../local/demo/ledger-client.ts";
import { ledgerOf } from "../../local/demo/scene.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { type OrderComparison, compareOrders } from "../../local/machine/proof.ts";
import { bootImage } from "../../local/demo/target-disk.ts";
import { vantageOn } from "../../local/demo/vantage.ts";
import type { BoxFixture } from "./fixture.ts";
import { armOf, shopId } from "./rich-machine.ts";

const GROUP = "Shop-Recovery";

/** The region is lost, and the machine is failed over to its newest point. @returns the item behind that */
export async function failOverFromLoss(box: BoxFixture): Promise<Seen> {
  await box.box.loseSource();
  await box.closeShop();
  const sent = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, {
    properties: { providerSpecificDetails: { instanceType: "A2A" } },
  });
  expect(sent.status).toBe(202);
  return box.until("the failover", ({ leeward }) => {
    if (leeward.state === "FailoverFailed") throw new Error(JSON.stringify(leeward));
    return leeward.state === "UnplannedFailoverCommitPending";
  });
}

/** What the copy's ledger holds of the orders that customers sent before the point, beside what they know of them. */
export async function ordersOfCopy(
  box: BoxFixture,
  over: Seen,
  customers: Customers,
): Promise<OrderComparison> {
  const vm = armId(over.providerSpecificDetails.recoveryFabricObjectId ?? "");
  const url = await waitFor("the ledger of the copy", () => ledgerOf(box.box, vm), 60_000);
  expect(await checkIntegrity(url)).toMatchObject({ ok: true });
  const sight = await vantageOn(box.box, over.leeward.machine, over.leeward.failover?.point ?? "");
  return compareOrders(customers.log, await allOrders(url), sight.point.time);
}

type Seen = Awaited<ReturnType<BoxFixture["look"]>>;

/** What a failover built of `enrich`'s machine in the group Shop-Recovery, field by field, as Resource Manager shows it. */
export async function expectRichCopy(box: BoxFixture, over: Seen): Promise<void> {
  const arm = armOf(box.box);
  const id = (type: string, name: string) => shopId(box.box, type, name, GROUP);
  const read = async (resource: string) => (await arm.get(resource)).body;
  const tagged = (role: string) => ({ "leeward-machine": over.leeward.machine, "leeward-role": role });
  const disk = (name: string) =>
    id("Microsoft.Compute/disks", `ledger-${name}-${over.leeward.failover?.point.slice(0, 8)}`);
  const nic = (name: string) => id("Microsoft.Network/networkInterfaces", `ledger-${name}`);
  const vm = id("Microsoft.Compute/virtualMachines", "ledger");
  const location = REGIONS.target;
  expect((over.providerSpecificDetails.recoveryFabricObjectId ?? "").toLowerCase()).toBe(vm.toLowerCase());

  expect(lower(await read(vm))).toMatchObject(
    lower({
      location,
      tags: { shop: "main", "cost center": "42", ...tagged("target-vm") },
      identity: { type: "SystemAssigned" },
      properties: {
        hardwareProfile: { vmSize: "Standard_D4s_v5" },
        licenseType: "RHEL_BYOS",
        availabilitySet: { id: id("Microsoft.Compute/availabilitySets", "shop-set-recovery") },
        storageProfile: {
          osDisk: {
            osType: "Linux",
            createOption: "Attach",
            caching: "ReadWrite",
            managedDisk: { id: disk("os") },
          },
          dataDisks: [
            { lun: 0, createOption: "Attach", caching: "ReadOnly", managedDisk: { id: disk("data-0") } },
            { lun: 3, createOption: "Attach", caching: "None", managedDisk: { id: disk("data-3") } },
          ],
        },
        networkProfile: {
          networkInterfaces: [
            { id: nic("nic"), properties: { primary: true } },
            { id: nic("backup"), properties: { primary: false } },
          ],
        },
      },
    }),
  );
  for (const [name, sku] of [
    ["os", "Premium_LRS"],
    ["data-0", "Premium_LRS"],
    ["data-3", "StandardSSD_LRS"],
  ] as const)
    expect(lower(await read(disk(name)))).toMatchObject(
      lower({ location, sku: { name: sku }, managedBy: vm, tags: tagged("target-disk") }),
    );
  expect(lower(await read(disk("os")))).toMatchObject({
    properties: { ostype: "linux", hypervgeneration: "v2" },
  });
  await expectInterfaces(box, { read, nic, id, tagged });
  const set = id("Microsoft.Compute/availabilitySets", "shop-set-recovery");
  expect(await read(set)).toMatchObject({
    location,
    sku: { name: "Aligned" },
    properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 },
  });
}

interface Sight {
  readonly read: (resource: string) => Promise<unknown>;
  readonly nic: (name: string) => string;
  readonly id: (type: string, name: string) => string;
  readonly tagged: (role: string) => Readonly<Record<string, string>>;
}

async function expectInterfaces(box: BoxFixture, { read, nic, id, tagged }: Sight): Promise<void> {
  const network = id("Microsoft.Network/virtualNetworks", "shop-network-recovery");
  const guard = (name: string) => ({ id: id("Microsoft.Network/networkSecurityGroups", `${name}-recovery`) });
  const shops = { id: id("Microsoft.Network/applicationSecurityGroups", "shops-recovery") };
  const fixed = (name: string, subnet: string, privateIPAddress: string, primary: boolean) => ({
    name,
    properties: {
      primary,
      privateIPAllocationMethod: "Static",
      privateIPAddress,
      subnet: { id: `${network}/subnets/${subnet}` },
      ...(subnet === "apps" && { applicationSecurityGroups: [shops] }),
    },
  });
  expect(lower(await read(nic("nic")))).toMatchObject(
    lower({
      tags: tagged("target-nic"),
      properties: {
        enableAcceleratedNetworking: true,
        dnsSettings: { dnsServers: ["10.20.1.53"] },
        networkSecurityGroup: guard("front-guard"),
        ipConfigurations: [
          fixed("primary", "apps", "10.20.1.10", true),
          fixed("virtual", "apps", "10.20.1.20", false),
        ],
      },
    }),
  );
  const back = lower(await read(nic("backup")));
  expect(back).toMatchObject(
    lower({
      tags: tagged("target-nic"),
      properties: {
        enableAcceleratedNetworking: false,
        enableIPForwarding: true,
        ipConfigurations: [fixed("primary", "backup", "10.20.2.10", true)],
      },
    }),
  );
  expect(JSON.stringify(back)).not.toContain("guard");
  expect(lower(await read(network))).toMatchObject({
    location: REGIONS.target,
    properties: {
      addressspace: { addressprefixes: ["10.20.0.0/16"] },
      subnets: [
        { name: "apps", properties: { addressprefix: "10.20.1.0/24" } },
        {
          name: "backup",
          properties: {
            addressprefix: "10.20.2.0/24",
            networksecuritygroup: lower(guard("backup-guard")),
          },
        },
      ],
    },
  });
  expect(lower(await read(guard("front-guard").id))).toMatchObject({
    properties: {
      securityrules: [
        { name: "orders", properties: { destinationapplicationsecuritygroups: [lower(shops)] } },
      ],
    },
  });
  expect(lower(await read(guard("backup-guard").id))).toMatchObject({
    properties: { securityrules: [{ name: "backup", properties: { destinationportrange: "873" } }] },
  });
  expect((await box.look()).leeward.failover?.build.notes).toEqual([]);
}

/** Ids keep the casing in which somebody wrote them, and compare without regard to it. */
function lower(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value).toLowerCase());
}

/** Every block of every disk, as it was just before the copy first opened it, is what the source digested at the point. */
export async function expectDisksOfPoint(box: BoxFixture, over: Seen): Promise<void> {
  const sight = await vantageOn(box.box, over.leeward.machine, over.leeward.failover?.point ?? "");
  const digests = await blockDigestsAt(sight);
  expect(sight.point.disks).toHaveLength(3);
  for (const { index, size } of sight.point.disks) {
    const image = await open(bootImage(box.box, { properties: over }, index) ?? "", "r");
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await image.read(buffer, 0, length, offset);
      return buffer;
    };
    expect((await image.stat()).size).toBe(size);
    expect(await verifyImage(read, bytes(size), digests.get(index) ?? new Uint8Array())).toEqual([]);
    await image.close();
  }
}
