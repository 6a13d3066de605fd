import { armId, barrierId } from "../../../../engine/core/ids.ts";
import { NO_DIGEST } from "../../../../engine/core/digest.ts";
import { bytes, diskIndex, generation, micros, ordinal, sequence } from "../../../../engine/core/units.ts";
import type { JournalPosition } from "../../../../engine/journal/position.ts";
import type { AgentRecord, Heartbeat } from "../../../../engine/recovery/agent-record.ts";
import { type Wish, beginEnable } from "../../../../engine/recovery/begin.ts";
import type { ItemRecord } from "../../../../engine/recovery/item.ts";
import { DEFAULT_POLICY } from "../../../../engine/recovery/policy.ts";
import { beginGeneration } from "../../../../engine/recovery/replicating.ts";
import type { ProgressRecord } from "../../../../engine/recovery/progress.ts";
import { targetOfRequest } from "../../../../engine/recovery/target-names.ts";

const SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555";
export const VAULT = armId(
  `${SUBSCRIPTION}/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/Vault-1`,
);
export const ITEM = armId(
  `${VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/Ledger`,
);
export const VM = armId(
  `${SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/Ledger_VM`,
);
export const POINT = barrierId("00000000-0000-4000-8000-000000000001");

const SECOND = 1_000_000;
export const NOW = micros(1_900_000_000 * SECOND);
export const ago = (seconds: number) => micros(NOW - seconds * SECOND);

export const WISH: Wish = {
  id: ITEM,
  vmId: VM,
  policy: DEFAULT_POLICY,
  request: { resourceGroup: armId(`${SUBSCRIPTION}/resourceGroups/shop-recovery`) },
};

/** An item just enabled, with changes. */
export const item = (changes: Partial<ItemRecord> = {}): ItemRecord => ({
  ...beginEnable(undefined, WISH, { now: NOW }),
  ...changes,
});

/** A protected item whose last job has ended. */
export const protectedItem = (changes: Partial<ItemRecord> = {}): ItemRecord => {
  const enabled = item({ state: "Protected" });
  return { ...enabled, job: { ...enabled.job, ended: true }, ...changes };
};

export const position = (
  next: number,
  at: number,
  changes: Partial<JournalPosition> = {},
): JournalPosition => ({
  generation: generation(1),
  next: ordinal(next),
  chain: NO_DIGEST,
  sequence: sequence(at),
  time: ago(5),
  bytes: bytes(at * 4096),
  ...changes,
});

export const progress = (changes: Partial<ProgressRecord> = {}): ProgressRecord => ({
  ...beginGeneration(item().machine, generation(1), undefined),
  ...changes,
});

const beat = (changes: Partial<Heartbeat> = {}): Heartbeat => ({
  generation: generation(1),
  mode: "streaming",
  at: ago(1),
  captured: { sequence: sequence(100), time: ago(1), bytes: bytes(409_600) },
  cached: { sequence: sequence(90), time: ago(3), bytes: bytes(368_640) },
  cachedNext: ordinal(9),
  backlog: { segments: 1, bytes: bytes(40_960) },
  uploaded: bytes(100_000),
  initialCopy: { done: bytes(10), total: bytes(10), rate: bytes(0) },
  ...changes,
});

export const agent = (changes: Partial<Heartbeat> = {}): AgentRecord => ({
  format: 1,
  machine: item().machine,
  version: "0.1.0",
  registeredAt: ago(100),
  accessUntil: ago(-3600),
  heardAt: ago(1),
  heartbeat: beat(changes),
});

export const disk = diskIndex;

/** An item that was failed over a minute ago, to a point; its job has ended. */
export function failedOver(): ItemRecord {
  const { job, ...rest } = protectedItem({
    state: "UnplannedFailoverCommitPending",
    generation: generation(2),
  });
  const announced = {
    after: sequence(70),
    seconds: 20,
    writes: 30,
    bytes: bytes(122_880),
    knownSequence: sequence(100),
    knownUntil: ago(61),
  };
  return {
    ...rest,
    job: { ...job, kind: "failover" },
    failover: {
      operation: job.operation,
      point: POINT,
      pointTime: ago(80),
      consistency: "crash",
      road: "import",
      startTime: ago(60),
      endTime: ago(50),
      announced,
      steps: [],
    },
  };
}

export const SOURCE = {
  region: "west",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "p",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: ["os", "data"].map((name, index) => ({
    index: diskIndex(index),
    id: VM,
    name,
    size: bytes(1 << 20),
    sku: "Premium_LRS",
    caching: "None" as const,
  })),
};

/** The same, of two disks. */
export const built = (): ItemRecord => {
  const over = failedOver();
  return { ...over, source: SOURCE, target: targetOfRequest(over, SOURCE, "northeurope") };
};
