import path from "node:path";
import { type ArmId, armId } from "../../engine/core/ids.ts";
import { MIB, bytes, diskIndex, micros } from "../../engine/core/units.ts";
import { machineIdFor } from "../../engine/recovery/item.ts";
import { operationFor } from "../../engine/recovery/job.ts";
import { boxConfig } from "../../local/arm/box-config.ts";
import { readSettings } from "../../functions/settings.ts";

const SUBSCRIPTION = "11111111-1111-4111-8111-111111111111";
const TENANT = "22222222-2222-4222-8222-222222222222";
export const APP = { objectId: "33333333-3333-4333-8333-333333333333", clientId: "app", roles: [] };
export const WEST = "westeurope";
export const NORTH = "northeurope";

export const groupId = (name: string): ArmId =>
  armId(`/subscriptions/${SUBSCRIPTION}/resourceGroups/${name}`);
export const idOf = (group: string, type: string, name: string): ArmId =>
  armId(`${groupId(group)}/providers/${type}/${name}`);

export const TARGET_GROUP = groupId("shop-recovery");
export const VM = idOf("shop", "Microsoft.Compute/virtualMachines", "shop");
export const ITEM = armId(
  `${idOf("leeward", "Microsoft.RecoveryServices/vaults", "leeward-vault")}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/shop`,
);

/** When all stories begin: a little behind the newest write of the journal. */
export const START = micros(1_790_000_100_000_000);

/** How the person who enables calls the request; the machine is called after it. */
export const ENABLEMENT = "enablement";
export const MACHINE = machineIdFor(ITEM, VM, operationFor(ITEM, "enable", `${ENABLEMENT} 1 at ${START}`));

/** Disks of the machine that is protected: as small as a managed disk that is uploaded may be, or smaller where none is. */
export const disksOf = (mebibytes: number) => [
  { index: diskIndex(0), name: "shop-os", size: bytes(mebibytes * MIB) },
  { index: diskIndex(1), name: "shop-data", size: bytes(mebibytes * MIB) },
];
export const NEIGHBOUR = { name: "neighbour-os", size: bytes(MIB) };

/** The account of the app's own, in the target region. */
export const TARGET_BLOB = "https://127.0.0.1:1/app";

const poolOf = (side: string) =>
  [1, 2].map((n) => ({
    name: `${side}${n}`,
    blob: `https://127.0.0.1:1/${side}${n}`,
    table: `https://127.0.0.1:2/${side}${n}`,
  }));

/** Two regions; in one of them a shop with two disks, two NICs, an availability set and a neighbour that nobody protects. */
export const boxOf = (directory: string, disks: readonly SeedDisk[]) =>
  boxConfig.parse({
    subscription: SUBSCRIPTION,
    tenant: TENANT,
    regions: [
      { name: WEST, pool: poolOf("west") },
      { name: NORTH, pool: poolOf("north") },
    ],
    disks: path.join(directory, "disks"),
    identities: [{ name: "app", secret: "app-secret-00000001", arm: true, objectId: APP.objectId }],
    adminToken: "admin-token-0000001",
    retryAfter: 2,
    operationTime: 3000,
    seed: [
      { id: groupId("shop"), body: { location: WEST } },
      { id: groupId("leeward"), body: { location: NORTH } },
      guardSeed,
      networkSeed,
      setSeed,
      ...machineSeeds(directory, "shop", 4, disks),
      ...machineSeeds(directory, "neighbour", 8, [NEIGHBOUR]),
    ],
  });

const guard = idOf("shop", "Microsoft.Network/networkSecurityGroups", "shop-guard");
const rule = {
  name: "database",
  properties: {
    protocol: "Tcp",
    sourcePortRange: "*",
    destinationPortRange: "5432",
    sourceAddressPrefix: "10.1.0.0/24",
    destinationAddressPrefix: "*",
    access: "Allow",
    priority: 100,
    direction: "Inbound",
  },
};
const guardSeed = { id: guard, body: { location: WEST, properties: { securityRules: [rule] } } };
const network = idOf("shop", "Microsoft.Network/virtualNetworks", "shop-net");
const networkSeed = {
  id: network,
  body: {
    location: WEST,
    properties: {
      addressSpace: { addressPrefixes: ["10.1.0.0/16"] },
      subnets: [
        { name: "apps", properties: { addressPrefix: "10.1.0.0/24" } },
        { name: "data", properties: { addressPrefix: "10.1.1.0/24", networkSecurityGroup: { id: guard } } },
      ],
    },
  },
};
const set = idOf("shop", "Microsoft.Compute/availabilitySets", "shop-set");
const setSeed = {
  id: set,
  body: {
    location: WEST,
    sku: { name: "Aligned" },
    properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 },
  },
};

interface SeedDisk {
  readonly name: string;
  readonly size: number;
}

export const imageOf = (directory: string, { name }: SeedDisk): string =>
  path.join(directory, "source", `${name}.img`);

function machineSeeds(directory: string, name: string, host: number, disks: readonly SeedDisk[]) {
  const nics = ["apps", "data"].map((subnet, at) => ({
    id: idOf("shop", "Microsoft.Network/networkInterfaces", `${name}-${subnet}`),
    subnet,
    address: `10.1.${at}.${host}`,
  }));
  const diskId = (disk: SeedDisk) => idOf("shop", "Microsoft.Compute/disks", disk.name);
  const attach = (disk: SeedDisk) => ({ createOption: "Attach", managedDisk: { id: diskId(disk) } });
  const [os, ...data] = disks;
  return [
    ...nics.map(({ id, subnet, address }) => ({
      id,
      body: {
        location: WEST,
        properties: {
          ipConfigurations: [
            {
              name: "primary",
              properties: {
                primary: true,
                subnet: { id: `${network}/subnets/${subnet}` },
                privateIPAllocationMethod: "Static",
                privateIPAddress: address,
              },
            },
          ],
        },
      },
    })),
    ...disks.map((disk, at) => ({
      id: diskId(disk),
      file: imageOf(directory, disk),
      body: {
        location: WEST,
        sku: { name: "Premium_LRS" },
        properties: {
          ...(at === 0 && { osType: "Linux", hyperVGeneration: "V2" }),
          diskSizeGB: 1,
          creationData: { createOption: "Empty" },
        },
      },
    })),
    {
      id: idOf("shop", "Microsoft.Compute/virtualMachines", name),
      body: {
        location: WEST,
        tags: { team: "shop" },
        identity: { type: "SystemAssigned" },
        properties: {
          hardwareProfile: { vmSize: "Standard_D2s_v5" },
          availabilitySet: { id: set },
          storageProfile: {
            osDisk: { osType: "Linux", caching: "ReadWrite", ...(os && attach(os)) },
            dataDisks: data.map((disk, lun) => ({ lun, caching: "None", ...attach(disk) })),
          },
          networkProfile: {
            networkInterfaces: nics.map(({ id }, at) => ({ id, properties: { primary: at === 0 } })),
          },
        },
      },
    },
  ];
}

export const settingsAt = (url: string) =>
  readSettings({
    LEEWARD_ARM_ENDPOINT: url,
    LEEWARD_STORAGE_SUFFIX: "127.0.0.1",
    LEEWARD_SUBSCRIPTION_ID: SUBSCRIPTION,
    LEEWARD_REGION: NORTH,
    LEEWARD_TARGET_BLOB_ENDPOINT: TARGET_BLOB,
    LEEWARD_TARGET_TABLE_ENDPOINT: "https://127.0.0.1:2/app",
    LEEWARD_KEY_FILE: "none",
    LEEWARD_ISSUER: `${url}/issuer`,
    LEEWARD_AUDIENCE: "api://leeward",
    LEEWARD_PUBLIC_URL: "https://127.0.0.1:3",
    LEEWARD_AGENT_ROLLOUT: "handler",
  });
