import type { Disk } from "../../../../engine/azure/disk.ts";
import type { NetworkInterface } from "../../../../engine/azure/network.ts";
import type { Sku } from "../../../../engine/azure/sku.ts";
import type { VirtualMachine } from "../../../../engine/azure/virtual-machine.ts";
import { armId } from "../../../../engine/core/ids.ts";
import { GIB, bytes } from "../../../../engine/core/units.ts";
import type { Survey, SurveyedDisk, SurveyedTarget } from "../../../../engine/eligibility/survey.ts";

const GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g";
export const idOf = (type: string, name: string) => armId(`${GROUP}/providers/${type}/${name}`);
const base = (type: string, name: string) => ({
  id: idOf(type, name),
  name,
  location: "westeurope",
  tags: {},
});

type Properties<Of extends { properties: object }> = Partial<Of["properties"]>;

export const machine = (
  change: Omit<Partial<VirtualMachine>, "properties"> = {},
  properties: Properties<VirtualMachine> = {},
): VirtualMachine => ({
  ...base("Microsoft.Compute/virtualMachines", "shop"),
  identity: { type: "SystemAssigned", principalId: "p" },
  ...change,
  properties: {
    provisioningState: "Succeeded",
    hardwareProfile: { vmSize: "Standard_D2s_v5" },
    storageProfile: {
      osDisk: {
        name: "os",
        osType: "Linux",
        caching: "None",
        managedDisk: { id: idOf("Microsoft.Compute/disks", "os") },
      },
      dataDisks: [],
    },
    networkProfile: { networkInterfaces: [] },
    instanceView: {
      statuses: [{ code: "PowerState/running" }],
      vmAgent: { statuses: [{ code: "ProvisioningState/succeeded", displayStatus: "Ready" }] },
    },
    ...properties,
  },
});

export const disk = (
  properties: Properties<Disk> = {},
  kind = "Premium_LRS",
  rest: Partial<Omit<SurveyedDisk, "disk">> = {},
): SurveyedDisk => ({
  disk: {
    ...base("Microsoft.Compute/disks", "os"),
    sku: { name: kind },
    properties: {
      provisioningState: "Succeeded",
      diskState: "Attached",
      diskSizeBytes: bytes(32 * GIB),
      hyperVGeneration: "V2",
      supportedCapabilities: { architecture: "x64" },
      ...properties,
    },
  },
  os: true,
  caching: "None",
  accelerated: false,
  ...rest,
});

type Ip = NetworkInterface["properties"]["ipConfigurations"][number]["properties"];

export const nic = (...ips: Partial<Ip>[]): NetworkInterface => ({
  ...base("Microsoft.Network/networkInterfaces", "nic"),
  properties: {
    provisioningState: "Succeeded",
    enableAcceleratedNetworking: true,
    enableIPForwarding: false,
    ipConfigurations: ips.map((ip, at) => ({
      name: `ip${at}`,
      properties: {
        primary: at === 0,
        privateIPAddressVersion: "IPv4" as const,
        privateIPAllocationMethod: "Dynamic" as const,
        subnet: { id: `${idOf("Microsoft.Network/virtualNetworks", "net")}/subnets/default` },
        ...ip,
      },
    })),
  },
});

const CAPABILITIES = {
  vCPUs: "2",
  MaxDataDiskCount: "4",
  PremiumIO: "True",
  UltraSSDAvailable: "True",
  HyperVGenerations: "V1,V2",
  CpuArchitectureType: "x64",
  EncryptionAtHostSupported: "True",
  AcceleratedNetworkingEnabled: "True",
};

export const size = (
  capabilities: Readonly<Record<string, string>> = {},
  restrictions: Sku["restrictions"] = [],
): Sku => ({
  resourceType: "virtualMachines",
  name: "Standard_D2s_v5",
  family: "standardDSv5Family",
  locationInfo: [],
  capabilities: Object.entries({ ...CAPABILITIES, ...capabilities }).map(([name, value]) => ({
    name,
    value,
  })),
  restrictions,
});

export const offering = (...skus: Sku[]) => ({
  sizes: new Map(skus.map((sku) => [sku.name.toLowerCase(), sku])),
  disks: new Map([["premium_lrs", { ...size(), resourceType: "disks", name: "Premium_LRS" }]]),
});

export const usage = (name: string, used: number, limit: number) => ({ name, words: name, used, limit });

export const target = (change: Partial<SurveyedTarget> = {}): SurveyedTarget => ({
  region: "northeurope",
  offer: offering(size()),
  compute: [usage("cores", 98, 100), usage("virtualMachines", 0, 10), usage("PremiumDiskCount", 9, 10)],
  network: [usage("NetworkInterfaces", 0, 100)],
  unregistered: [],
  taken: [],
  zone: undefined,
  placements: [],
  locks: [],
  ...change,
});

/** A machine that loses nothing, and a target that has room for exactly it. */
export const surveyed = (change: Partial<Survey> = {}): Survey => ({
  machine: machine(),
  disks: [disk()],
  unmanaged: [],
  capture: { provider: "nbd", rollout: "handler" },
  nics: [nic({})],
  routed: [],
  gated: [],
  extensions: [],
  locks: [],
  roleAssignments: 0,
  target: target(),
  unread: [],
  ...change,
});
