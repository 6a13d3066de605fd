import { type ErrorCode, LeewardError } from "../../../engine/core/errors.ts";
import { barrierId, machineId, operationId } from "../../../engine/core/ids.ts";
import { bytes, diskIndex, generation, millis } from "../../../engine/core/units.ts";
import type { AgentView, ArmSent, ShipResult } from "../../../orchestrations/contract.ts";
import type { Script } from "./driver.ts";

export const MACHINE = machineId("ledger-3f9a01c2");
const OPERATION = operationId("00000000-0000-8000-8000-00000000000a");
export const POINT = barrierId("00000000-0000-4000-8000-000000000001");
export const JOB = { operation: OPERATION, machine: MACHINE };

const agent = (changes: Partial<AgentView>): AgentView => ({
  registered: true,
  copied: false,
  done: bytes(0),
  total: bytes(100),
  rate: bytes(0),
  ...changes,
});

/** An agent that registers at the second look, and has copied at the fifth. */
export const agentAt = (nth: number): AgentView =>
  nth === 0
    ? agent({ registered: false })
    : agent({ copied: nth >= 4, done: bytes(nth * 25), rate: bytes(5) });

const running = (seconds: number): ArmSent => ({
  operation: {
    pollUrl: "https://arm/operations/1",
    mode: "status",
    resource: "/subscriptions/s",
    retryAfter: millis(seconds * 1000),
  },
});

const nothing = () => null;
const finished = () => ({});

export const ENABLE: Script = {
  checkSource: () => ({ warm: true, availabilitySet: true, disks: 1, bytes: bytes(100) }),
  createResourceGroup: finished,
  createNetwork: () => running(10),
  createAvailabilitySet: finished,
  createCacheAccount: () => running(3),
  createReplicaAccount: finished,
  pollArm: (_, nth) => (nth % 2 === 0 ? running(15) : {}),
  prepareJournal: nothing,
  prepareReplica: nothing,
  installAgent: finished,
  observeAgent: (_, nth) => agentAt(nth),
  startReplicate: nothing,
  startPoint: nothing,
  countPoints: (_, nth) => ({ points: nth > 0 ? 1 : 0 }),
  endJob: nothing,
};

export const FAILOVER: Script = {
  drain: () => ({ reached: false, bytes: bytes(0) }),
  planFailover: () => ({
    point: POINT,
    steps: [
      { do: "checkpoint" },
      { do: "import", disk: diskIndex(0) },
      { do: "import", disk: diskIndex(1) },
      { do: "nic", nic: 0 },
      { do: "vm" },
      { do: "running" },
      { do: "discard", disk: diskIndex(0) },
    ],
  }),
  checkpointTo: nothing,
  importDisk: () => running(2),
  createNic: () => running(5),
  createVm: finished,
  createUploadDisk: finished,
  restoreDisks: nothing,
  pollArm: finished,
  observeVm: (_, nth) => ({ running: nth > 1 }),
  deletePromoted: nothing,
  endJob: nothing,
};

export const shipped = (changes: Partial<ShipResult> = {}): ShipResult => ({
  state: "shipped",
  generation: generation(1),
  marks: false,
  more: false,
  checkpointDue: false,
  ...changes,
});

export const failing = (code: ErrorCode) => new LeewardError(code, "told so");
