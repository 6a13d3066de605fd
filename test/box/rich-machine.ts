import { armClient, type ArmClient } from "../../engine/azure/arm.ts";
import { systemClock } from "../../engine/core/clock.ts";
import { MIB } from "../../engine/core/units.ts";
import type { Box, BoxOptions } from "../../local/box/box.ts";
import { REGIONS } from "../../local/box/place.ts";

/** An OS disk and two data disks; they are at LUNs 0 and 3. Give them to `BoxFixture.open`. */
export const RICH: BoxOptions["machines"] = [{ name: "ledger", disks: [96 * MIB, 32 * MIB, 32 * MIB] }];

const ARM = "https://management.azure.com";
const SHOP = "shop";

/** Id of something in the shop's resource group, or in another one. */
export const shopId = (box: Box, type: string, name: string, group = SHOP): string =>
  `/subscriptions/${box.plan.subscription}/resourceGroups/${group}/providers/${type}/${name}`;

/** Resource Manager, as the box's operator uses it. */
export const armOf = (box: Box): ArmClient =>
  armClient({
    endpoint: `https://127.0.0.1:${box.plan.ports.arm}`,
    audience: ARM,
    credential: {
      getToken: async () => ({ token: await box.token(ARM), expiresOnTimestamp: Date.now() + 3_600_000 }),
    },
  });

/**
 * Makes of the box's first machine, which was opened with the disks of `RICH`, one that has what a copy may get wrong: two
 * interfaces in two subnets with three addresses, security groups on one of each and an application security group, disks of two
 * kinds, tags, a licence. As on Azure it is deallocated for that. The availability set it has anyhow.
 */
export async function enrich(box: Box): Promise<void> {
  const arm = armOf(box);
  const vm = box.plan.sourceVm.id;
  await settled(arm, arm.post(`${vm}/deallocate`));
  for (const [id, body] of [...surroundings(box), ...interfaces(box), ...disks(box), machine(box)])
    await settled(arm, arm.put(id, body));
  await settled(arm, arm.post(`${vm}/start`));
}

/** Waits for the end of what was begun. */
export async function settled(
  arm: ArmClient,
  begun: Promise<Awaited<ReturnType<ArmClient["put"]>>>,
): Promise<void> {
  let { operation } = await begun;
  while (operation) {
    await systemClock.sleep(operation.retryAfter);
    const polled = await arm.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}

type Wanted = readonly [id: string, body: Readonly<Record<string, unknown>>];
const location = REGIONS.source;
const NETWORK = "Microsoft.Network";
const COMPUTE = "Microsoft.Compute";

function surroundings(box: Box): Wanted[] {
  const id = (type: string, name: string) => shopId(box, `${NETWORK}/${type}`, name);
  const rule = (name: string, port: string, destination: Readonly<Record<string, unknown>>) => ({
    name,
    properties: {
      priority: 200,
      direction: "Inbound",
      access: "Allow",
      protocol: "Tcp",
      sourceAddressPrefix: "10.20.0.0/16",
      sourcePortRange: "*",
      destinationPortRange: port,
      ...destination,
    },
  });
  const shops = { destinationApplicationSecurityGroups: [{ id: id("applicationSecurityGroups", "shops") }] };
  const guard = (securityRules: readonly unknown[]) => ({ location, properties: { securityRules } });
  return [
    [id("applicationSecurityGroups", "shops"), { location }],
    [id("networkSecurityGroups", "front-guard"), guard([rule("orders", "8080", shops)])],
    [
      id("networkSecurityGroups", "backup-guard"),
      guard([rule("backup", "873", { destinationAddressPrefix: "*" })]),
    ],
    [
      id("virtualNetworks", "shop-network/subnets/backup"),
      {
        properties: {
          addressPrefix: "10.20.2.0/24",
          networkSecurityGroup: { id: id("networkSecurityGroups", "backup-guard") },
        },
      },
    ],
  ];
}

function interfaces(box: Box): Wanted[] {
  const id = (type: string, name: string) => shopId(box, `${NETWORK}/${type}`, name);
  const at = (name: string, subnet: string, privateIPAddress: string, primary: boolean) => ({
    name,
    properties: {
      primary,
      subnet: { id: id("virtualNetworks", `shop-network/subnets/${subnet}`) },
      privateIPAllocationMethod: "Static",
      privateIPAddress,
      ...(subnet === "apps" && {
        applicationSecurityGroups: [{ id: id("applicationSecurityGroups", "shops") }],
      }),
    },
  });
  return [
    [
      id("networkInterfaces", "ledger-nic"),
      {
        location,
        properties: {
          enableAcceleratedNetworking: true,
          dnsSettings: { dnsServers: ["10.20.1.53"] },
          networkSecurityGroup: { id: id("networkSecurityGroups", "front-guard") },
          ipConfigurations: [
            at("primary", "apps", "10.20.1.10", true),
            at("virtual", "apps", "10.20.1.20", false),
          ],
        },
      },
    ],
    [
      id("networkInterfaces", "ledger-backup"),
      {
        location,
        properties: {
          enableIPForwarding: true,
          ipConfigurations: [at("primary", "backup", "10.20.2.10", true)],
        },
      },
    ],
  ];
}

/** The second data disk is of another kind than the others. */
function disks(box: Box): Wanted[] {
  const properties = { creationData: { createOption: "Empty" } };
  const sku = { name: "StandardSSD_LRS" };
  return [[shopId(box, `${COMPUTE}/disks`, "ledger-data-3"), { location, sku, properties }]];
}

function machine(box: Box): Wanted {
  const disk = (name: string) => ({ id: shopId(box, `${COMPUTE}/disks`, `ledger-${name}`) });
  const nic = (name: string) => shopId(box, `${NETWORK}/networkInterfaces`, `ledger-${name}`);
  const createOption = "Attach";
  return [
    box.plan.sourceVm.id,
    {
      location,
      tags: { shop: "main", "cost center": "42" },
      identity: { type: "SystemAssigned" },
      properties: {
        hardwareProfile: { vmSize: "Standard_D4s_v5" },
        licenseType: "RHEL_BYOS",
        availabilitySet: { id: shopId(box, `${COMPUTE}/availabilitySets`, "shop-set") },
        storageProfile: {
          osDisk: { osType: "Linux", createOption, caching: "ReadWrite", managedDisk: disk("os") },
          dataDisks: [
            { lun: 0, createOption, caching: "ReadOnly", managedDisk: disk("data-0") },
            { lun: 3, createOption, caching: "None", managedDisk: disk("data-3") },
          ],
        },
        networkProfile: {
          networkInterfaces: [
            { id: nic("nic"), properties: { primary: true } },
            { id: nic("backup"), properties: { primary: false } },
          ],
        },
      },
    },
  ];
}
