import { REGIONS, SHOP_GROUP, VAULT_GROUP } from "./place.ts";

interface Seed {
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly file?: string;
  readonly pool?: string;
}

interface Seeded {
  readonly subscription: string;
  readonly sourceVm: { readonly id: string; readonly disk: string; readonly diskBytes: number };
}

/**
 * What there is before Leeward does anything: a shop's virtual machine in the source region, and in the target region
 * what `infra/` deploys for the control plane. Everything else is created by enablement.
 */
export function seedOf({ subscription, sourceVm }: Seeded, appPool: string): Seed[] {
  const group = (name: string) => `/subscriptions/${subscription}/resourceGroups/${name}`;
  const shop = `${group(SHOP_GROUP)}/providers`;
  const network = `${shop}/Microsoft.Network/virtualNetworks/shop-network`;
  const availabilitySet = `${shop}/Microsoft.Compute/availabilitySets/shop-set`;
  const nic = `${shop}/Microsoft.Network/networkInterfaces/ledger-nic`;
  const disk = `${shop}/Microsoft.Compute/disks/ledger-os`;
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
                privateIPAddress: "10.20.1.10",
              },
            },
          ],
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
    {
      id: disk,
      file: sourceVm.disk,
      body: {
        location,
        sku: { name: "Premium_LRS" },
        properties: {
          osType: "Linux",
          hyperVGeneration: "V2",
          diskSizeGB: sourceVm.diskBytes / 1024 ** 3,
          creationData: { createOption: "Empty" },
        },
      },
    },
    {
      id: sourceVm.id,
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
              managedDisk: { id: disk },
            },
            dataDisks: [],
          },
          networkProfile: { networkInterfaces: [{ id: nic, properties: { primary: true } }] },
        },
      },
    },
    { id: group(VAULT_GROUP), body: { location: REGIONS.target } },
    {
      id: `${group(VAULT_GROUP)}/providers/Microsoft.Storage/storageAccounts/leewardtarget`,
      pool: appPool,
      body: {
        location: REGIONS.target,
        kind: "StorageV2",
        sku: { name: "Standard_ZRS" },
        properties: { allowSharedKeyAccess: false },
      },
    },
  ];
}
