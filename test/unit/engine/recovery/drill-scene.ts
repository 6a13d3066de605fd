import { armId } from "../../../../engine/core/ids.ts";
import type { ItemRecord } from "../../../../engine/recovery/item.ts";
import { WISH } from "./fixture.ts";

const group = WISH.request.resourceGroup;
const inGroup = (type: string, name: string) => armId(`${group}/providers/${type}/${name}`);

/** As much of source and target as a test failover asks for when it begins. */
export const machineAt: Pick<ItemRecord, "source" | "target"> = {
  source: {
    region: "west",
    vmSize: "Standard_D2s_v5",
    tags: {},
    principal: "p",
    network: { name: "net", addressPrefixes: [], subnets: [{ name: "apps", addressPrefix: "10.0.0.0/24" }] },
    nics: [{ name: "nic", primary: true, subnet: "apps", acceleratedNetworking: false }],
    disks: [],
  },
  target: {
    region: "north",
    resourceGroup: group,
    network: inGroup("Microsoft.Network/virtualNetworks", "net-recovery"),
    vm: inGroup("Microsoft.Compute/virtualMachines", "Ledger_VM"),
    cache: { id: inGroup("Microsoft.Storage/storageAccounts", "cache") },
  },
};
