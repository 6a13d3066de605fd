import type { LeewardItem, ProtectedItem } from "../../../engine/contract/protected-item.ts";
import { vmId } from "./fake-api.ts";
import { BUILD, LOST, POINTS, iso, item } from "./fixtures.ts";

export const failover: NonNullable<LeewardItem["failover"]> = {
  operation: "o",
  point: POINTS[0]?.name ?? "",
  pointTime: iso(65),
  consistency: "crash",
  ...LOST,
  write: null,
  road: "upload",
  startTime: iso(40),
  endTime: null,
  rtoSeconds: null,
  announced: { after: 1, seconds: 7.5, writes: 321, bytes: 4096, knownSequence: 1, knownUntil: 1 },
  passedOver: [],
  steps: [
    { name: "check the target region", state: "Failed" as const, startTime: iso(39), endTime: iso(38) },
  ],
  targetVmId: vmId("ledger"),
  build: {
    ...BUILD,
    size: "Standard_D4s_v5",
    alternatives: ["Standard_E4s_v5", "Standard_D8s_v5"],
    notes: [],
    nics: [],
    boot: null,
  },
};

/** A machine that runs where it was failed over to. */
export function runningItem(allowedOperations: string[], changed: Partial<LeewardItem> = {}): ProtectedItem {
  const over = item(
    { state: "UnplannedFailoverCommitPending", failover: { ...failover, endTime: iso(30) }, ...changed },
    allowedOperations,
  );
  return { ...over, properties: { ...over.properties, activeLocation: "Recovery" } };
}
