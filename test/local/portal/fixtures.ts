import type { Job } from "../../../engine/contract/job.ts";
import type { LeewardItem, ProtectedItem } from "../../../engine/contract/protected-item.ts";
import type { RecoveryPointResource } from "../../../engine/contract/recovery-point.ts";
import { itemId, vmId } from "./fake-api.ts";

const MIB = 1024 * 1024;
export const iso = (secondsAgo: number) => new Date(Date.now() - 1000 * secondsAgo).toISOString();

export const machine = (name: string, location = "westeurope", protectedItemId: string | null = null) => ({
  id: vmId(name),
  name,
  properties: { location, vmSize: "Standard_B2s", protectedItemId },
});

export const losses = {
  vm: { seconds: 1.23, bytes: 40_960, writes: 10 },
  region: { seconds: 4.56, bytes: 5 * MIB, writes: 34 },
};
export const agent = (secondsAgo: number): LeewardItem["agent"] => ({
  upgradeAvailable: false,
  version: "0.1.0",
  mode: "streaming",
  lastHeartbeat: iso(secondsAgo),
  backlog: { segments: 1, bytes: 3 * MIB, copiedBytes: 0 },
  capturedBytes: 1,
  uploadedBytes: 1,
  pressure: null,
});

/** Typed by the contract, so that the page is tried with what the app really answers. */
export function item(
  leeward: Partial<LeewardItem>,
  allowedOperations: string[] = [],
  healthErrors: ProtectedItem["properties"]["healthErrors"] = [],
): ProtectedItem {
  return {
    id: itemId("ledger"),
    name: "ledger",
    type: "item",
    properties: {
      friendlyName: "ledger",
      protectionState: "Protected",
      protectionStateDescription: "Protected",
      activeLocation: "Primary",
      replicationHealth: "Normal",
      allowedOperations,
      healthErrors,
      providerSpecificDetails: {
        instanceType: "A2A",
        fabricObjectId: vmId("ledger"),
        primaryFabricLocation: "westeurope",
        rpoInSeconds: 3,
        vmProtectionState: "Protected",
        monitoringPercentageCompletion: 100,
        vmNics: [],
      },
      leeward: {
        machine: "ledger-1",
        state: "Protected",
        generation: 1,
        losses: null,
        watermarks: {},
        policy: {},
        progress: null,
        agent: null,
        shipped: { segments: 0, objects: 0, bytes: 0 },
        verification: null,
        retention: null,
        readiness: null,
        resync: null,
        group: null,
        test: null,
        formerTest: null,
        drill: { everyDays: 0, nextTime: null, last: null },
        latestPoint: null,
        failover: null,
        ...leeward,
      },
    },
  };
}
/** Of a failover to a write: what it kept, and what the old side says that was lost. */
export const LOST = {
  write: { generation: 1, sequence: 8950 },
  losses: null,
  lost: {
    state: "complete" as const,
    writes: 345,
    bytes: 2 * MIB,
    copiedBytes: 0,
    arrivedWrites: 12,
    rangeCount: 7,
    firstTime: iso(30),
    lastTime: iso(20),
    checkedTime: iso(1),
    handedOver: null,
    problem: null,
  },
};
export const protectedItem = (
  changed: Partial<LeewardItem> = {},
  allowedOperations: string[] = ["UnplannedFailover"],
) =>
  item(
    {
      losses,
      watermarks: { captured: { generation: 1, sequence: 9000, time: 1, bytes: 1, copiedBytes: 0 } },
      ...changed,
    },
    allowedOperations,
  );
const point = (name: string, secondsAgo: number, sequence: number): RecoveryPointResource => ({
  id: `${itemId("ledger")}/recoveryPoints/${name}`,
  name,
  type: "point",
  properties: {
    recoveryPointTime: iso(secondsAgo),
    recoveryPointType: "CrashConsistent",
    providerSpecificDetails: { instanceType: "A2A", recoveryPointSyncType: "PerVmRecoveryPoint", disks: [] },
    leeward: { generation: 1, sequence, verified: false, losses, disks: [] },
  },
});
export const POINTS = [
  point("22222222-2222-4222-8222-222222222222", 65, 8000),
  point("11111111-1111-4111-8111-111111111111", 5, 8900),
];
export function job(friendlyName: string): Job {
  const task = (name: string, state: string, endTime: string | null) => ({
    taskId: name,
    name,
    friendlyName: name,
    state,
    startTime: iso(12),
    endTime,
  });
  return {
    id: "/jobs/1",
    name: "job-1",
    type: "job",
    properties: {
      activityId: "1",
      scenarioName: "Failover",
      friendlyName,
      state: "InProgress",
      stateDescription: "InProgress",
      tasks: [task("Choose the point", "Succeeded", iso(11.5)), task("Build the disks", "InProgress", null)],
      errors: [],
      startTime: iso(12),
      endTime: null,
      allowedActions: [],
      targetObjectId: itemId("ledger"),
      targetObjectName: "ledger",
      targetInstanceType: "ProtectionEntity",
      leeward: null,
      leewardPassedOver: [],
      leewardRemoved: null,
      leewardMembers: null,
      leewardPlan: null,
      leewardTest: null,
      leewardDeleted: null,
      leewardChanges: null,
      leewardComments: null,
      customDetails: { instanceType: "AsrJobDetails" },
    },
  };
}

/** A machine that was built with another size, and with another address. */
export const BUILD = {
  size: "Standard_E4s_v5",
  alternatives: [],
  notes: ["the target region was not checked: sizes: no answer"],
  nics: [
    {
      name: "front",
      id: vmId("front"),
      addresses: [{ name: "main", wanted: "10.0.0.9", given: "10.0.0.4", why: "10.0.0.9 is taken in net" }],
    },
  ],
  boot: { power: "running", agent: "Ready", console: ["login:"], consoleMissing: null },
};
