import { armId, machineId, operationId } from "../../engine/core/ids.ts";
import { generation, micros, millis } from "../../engine/core/units.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import { DEFAULT_POLICY } from "../../engine/recovery/policy.ts";
import type { Dice } from "./dice.ts";
import type { Source } from "./source.ts";

export const MACHINE = machineId("machine-0a1b2c3d");
export const START = micros(1_790_000_000_000_000);
/** Names of accounts; nobody resolves them. */
const CACHE = "https://cache";
const REPLICA = "https://replica";

const GROUP = armId("/subscriptions/s/resourceGroups/g");
const inGroup = (what: string) => armId(`${GROUP}/providers/x/${what}`);

/** The record of a machine whose protection was enabled. */
export const protectedItem = (disks: Source["disks"], dice: Dice): ItemRecord => ({
  format: 1,
  id: inGroup("vaults/v/items/machine"),
  machine: MACHINE,
  vmId: inGroup("vms/machine"),
  state: "Protected",
  generation: generation(1),
  policy: {
    ...DEFAULT_POLICY,
    checkpointInterval: millis(dice.pick([1000, 10_000, 100_000]) ?? 1000),
    replica: dice.chance(0.85) ? "warm" : "none",
  },
  request: { resourceGroup: GROUP },
  source: {
    region: "here",
    vmSize: "small",
    tags: {},
    principal: "p",
    network: { name: "n", addressPrefixes: [], subnets: [] },
    nics: [],
    disks: disks.map(({ index, name, size }) => {
      const id = inGroup(`disks/${name}`);
      return { index, id, name, size, sku: "Standard_LRS", caching: "None" };
    }),
  },
  target: {
    region: "there",
    resourceGroup: GROUP,
    network: inGroup("networks/n"),
    vm: inGroup("vms/target"),
    cache: { id: inGroup("accounts/cache"), blobEndpoint: CACHE },
    replica: { id: inGroup("accounts/replica"), blobEndpoint: REPLICA },
  },
  job: {
    operation: operationId("00000000-0000-4000-9000-000000000001"),
    kind: "enable",
    startTime: START,
    ended: true,
  },
});
