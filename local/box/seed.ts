import type { BoxPlan, SourceVm } from "./plan.ts";
import { REGIONS, SHOP_GROUP, VAULT_GROUP } from "./place.ts";

interface Seed {
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly file?: string;
  readonly pool?: string;
}

/**
 * What there is before Leeward does anything: a shop's virtual machines in the source region, and in the target region
 * what `infra/` deploys for the control plane. Everything else is created by enablement.
 */
export function seedOf(
  { subscription, sourceVms, wayBack }: Pick<BoxPlan, "subscription" | "sourceVms" | "wayBack">,
  appPool: Readonly<Record<keyof typeof REGIONS, string>>,
): Seed[] {
  const group = (name: string) => `/subscriptions/${subscription}/resourceGroups/${name}`;
  const shop = `${group(SHOP_GROUP)}/providers`;
  const network = `${shop}/Microsoft.Network/virtualNetworks/shop-network`;
  const availabilitySet = `${shop}/Microsoft.Compute/availabilitySets/shop-set`;
  const location = REGIONS.source;
  return [
    { id: group(SHOP_GROUP), body: { location } },
    {
      id: network,
      body: {
        location,
        properties: {
          addressSpace: { addressPrefixes: ["10.20.0.0/16"] },
          subnets: [{ name: "apps", properties: { addressPrefix: "10.20.1.0/24" } }],
        },
      },
    },
    {
      id: availabilitySet,
      body: {
        location,
        sku: { name: "Aligned" },
        properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 },
      },
    },
    ...sourceVms.flatMap((vm, n) => machineSeeds(vm, { shop, network, availabilitySet, address: 10 + n })),
    { id: group(VAULT_GROUP), body: { location: REGIONS.target } },
    appAccount(group(VAULT_GROUP), "target", appPool.target),
    ...(wayBack ? [appAccount(group(VAULT_GROUP), "source", appPool.source)] : []),
  ];
}

const appAccount = (group: string, side: keyof typeof REGIONS, pool: string): Seed => ({
  id: `${group}/providers/Microsoft.Storage/storageAccounts/leeward${side}`,
  pool,
  body: {
    location: REGIONS[side],
    kind: "StorageV2",
    sku: { name: "Standard_ZRS" },
    properties: { allowSharedKeyAccess: false },
  },
});

interface Surroundings {
  readonly shop: string;
  readonly network: string;
  readonly availabilitySet: string;
  readonly address: number;
}

function machineSeeds(vm: SourceVm, { shop, network, availabilitySet, address }: Surroundings): Seed[] {
  const location = REGIONS.source;
  const nic = `${shop}/Microsoft.Network/networkInterfaces/${vm.name}-nic`;
  const disk = (suffix: string) => `${shop}/Microsoft.Compute/disks/${vm.name}-${suffix}`;
  const dataDisks = vm.dataDisks.map((one) => ({ ...one, id: disk(`data-${one.lun}`) }));
  return [
    {
      id: nic,
      body: {
        location,
        properties: {
          ipConfigurations: [
            {
              name: "primary",
              properties: {
                primary: true,
                subnet: { id: `${network}/subnets/apps` },
                privateIPAllocationMethod: "Static",
                privateIPAddress: `10.20.1.${address}`,
              },
            },
          ],
        },
      },
    },
    diskSeed(disk("os"), vm.disk, vm.diskBytes, { osType: "Linux", hyperVGeneration: "V2" }),
    ...dataDisks.map(({ id, file, bytes }) => diskSeed(id, file, bytes, {})),
    {
      id: vm.id,
      body: {
        location,
        tags: { shop: "main" },
        identity: { type: "SystemAssigned" },
        properties: {
          hardwareProfile: { vmSize: "Standard_D2s_v5" },
          availabilitySet: { id: availabilitySet },
          storageProfile: {
            osDisk: {
              osType: "Linux",
              createOption: "Attach",
              caching: "ReadWrite",
              managedDisk: { id: disk("os") },
            },
            dataDisks: dataDisks.map(({ id, lun }) => ({
              lun,
              createOption: "Attach",
              caching: "None",
              managedDisk: { id },
            })),
          },
          networkProfile: { networkInterfaces: [{ id: nic, properties: { primary: true } }] },
        },
      },
    },
  ];
}

const diskSeed = (id: string, file: string, bytes: number, os: Readonly<Record<string, string>>): Seed => ({
  id,
  file,
  body: {
    location: REGIONS.source,
    sku: { name: "Premium_LRS" },
    properties: {
      ...os,
      diskSizeGB: Math.ceil(bytes / 1024 ** 3),
      creationData: { createOption: "Empty" },
    },
  },
});
