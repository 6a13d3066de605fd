import { type MachineId, armId, machineId, operationId } from "../../engine/core/ids.ts";
import { generation, micros, millis } from "../../engine/core/units.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import { DEFAULT_POLICY } from "../../engine/recovery/policy.ts";
import { type RetentionPolicy, retentionPolicy } from "../../engine/recovery/retention-policy.ts";
import type { Auditor } from "./auditor.ts";
import type { Deletions } from "./deletions.ts";
import type { Dice } from "./dice.ts";
import type { Failover } from "./failover.ts";
import type { Guest } from "./guest.ts";
import type { Rot } from "./rot.ts";
import { REGIONS, type Side } from "./side.ts";
import type { Truth } from "./truth.ts";
import type { Planned } from "./planned.ts";
import type { Turn } from "./turn.ts";

export const START = micros(1_790_000_000_000_000);
/** Names of accounts; nobody resolves them. */
const CACHE = "https://cache";
const REPLICA = "https://replica";

const HOUR = 3600_000;

const GROUP = armId("/subscriptions/s/resourceGroups/g");
const inGroup = (what: string) => armId(`${GROUP}/providers/x/${what}`);
export const VAULT = inGroup("vaults/v");

export const machineNumber = (n: number): MachineId => machineId(`machine-0a1b2c3${n.toString(16)}`);
export const principalOf = (machine: MachineId, nth: number): string => `${machine}-vm${nth}`;

/** An activity that takes longer is ended by its host. What is given up must outlast two of them. */
export const HOST_PATIENCE = 30 * 60e6;

/**
 * Points are thinned, layers built and what is needless deleted within a life of some minutes, in which hours pass at
 * once now and then (`hours.ts`).
 */
export const BRISK: RetentionPolicy = {
  ...retentionPolicy.parse({
    window: 30 * HOUR,
    ladder: [
      { until: 6000, every: 0 },
      { until: 2 * HOUR, every: 6000 },
      { until: 30 * HOUR, every: HOUR },
    ],
    anyWriteWindow: 6000,
  }),
  deleteDelay: millis((2 * HOST_PATIENCE) / 1000 + 1000),
};

/** One protected machine, and what became of it. */
export interface Machine {
  readonly id: MachineId;
  readonly truth: Truth;
  /** One for each direction. */
  readonly auditors: readonly Auditor[];
  /** Of the direction that it is protected in. */
  auditor: Auditor;
  /** The direction that it is protected in. */
  side: Side;
  /** How that came to be, where the direction was turned around. */
  turn?: Turn | undefined;
  /** It is to be failed over to this point without any loss. */
  planned?: Planned | undefined;
  /** Where points are thinned. */
  readonly deletions: Deletions | undefined;
  /** There is a replica to bring to points. */
  readonly warm: boolean;
  /** Most that its agent's spool may hold. */
  readonly spoolLimit: number;
  /** The machine that is protected now. */
  guest: Guest;
  /** Those that were, and may wake up. */
  readonly former: Guest[];
  /** An agent has registered: replication was begun. */
  begun: boolean;
  /** Replication has stopped until somebody acts. */
  stopped: boolean;
  /** Of its replication, as noted last. */
  trouble?: string | undefined;
  /** What rots of it in each direction, and is to be whole again. */
  readonly rots: Map<Side, Rot>;
  /** Something of it has rotted: a reader may have met it. */
  rotted?: boolean;
  /** Of its journal. */
  generation?: number | undefined;
  failover: Failover | undefined;
  failovers: number;
}

/** The record of a machine whose protection was enabled. */
export const protectedItem = (
  { machine, principal, disks }: Pick<Guest, "machine" | "principal" | "disks">,
  dice: Dice,
  retention = DEFAULT_POLICY.retention,
): ItemRecord => ({
  format: 1,
  id: inGroup(`vaults/v/items/${machine}`),
  machine,
  vmId: inGroup(`vms/${machine}`),
  state: "Protected",
  generation: generation(1),
  policy: {
    ...DEFAULT_POLICY,
    heartbeatEvery: millis(500),
    checkpointInterval: millis(dice.pick([1000, 10_000, 100_000]) ?? 1000),
    replica: dice.chance(0.85) ? "warm" : "none",
    retention,
  },
  request: { resourceGroup: GROUP },
  source: {
    region: REGIONS[0],
    vmSize: "small",
    tags: {},
    principal,
    network: { name: "n", addressPrefixes: [], subnets: [] },
    nics: [],
    disks: disks.map(({ index, name, size }) => {
      const id = inGroup(`disks/${machine}-${name}`);
      return { index, id, name, size, sku: "Standard_LRS", caching: "None" };
    }),
  },
  target: {
    region: REGIONS[1],
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
