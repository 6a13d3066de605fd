import type { JobKind } from "../engine/recovery/job.ts";

/** ASR's word for what a job does, and one for people. */
export const SCENARIO: Record<JobKind, readonly [name: string, friendly: string]> = {
  enable: ["EnableDr", "Enable replication"],
  failover: ["UnplannedFailover", "Unplanned failover"],
  cancelFailover: ["CancelFailover", "Cancel failover"],
  groupFailover: ["GroupFailover", "Failover of a group"],
  testFailover: ["TestFailover", "Test failover"],
  testFailoverCleanup: ["TestFailoverCleanup", "Clean-up of a test failover"],
  disable: ["DisableDr", "Disable replication"],
  upgradeAgent: ["UpdateMobilityService", "Upgrade of the agent"],
};
