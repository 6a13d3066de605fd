import type { RunType } from "../engine/recovery/recovery-plan.ts";
import type { Configuration, JobKind, JobRecord } from "../engine/recovery/job.ts";

type Words = readonly [name: string, friendly: string];

/** ASR's word for what a job does, and one for people. */
const SCENARIO: Record<JobKind, Words> = {
  enable: ["EnableDr", "Enable replication"],
  failover: ["UnplannedFailover", "Unplanned failover"],
  changePoint: ["ApplyRecoveryPoint", "Change of the recovery point"],
  commit: ["CommitFailover", "Commit of a failover"],
  cancelFailover: ["CancelFailover", "Cancel failover"],
  groupFailover: ["GroupFailover", "Failover of a group"],
  testFailover: ["TestFailover", "Test failover"],
  testFailoverCleanup: ["TestFailoverCleanup", "Clean-up of a test failover"],
  disable: ["DisableDr", "Disable replication"],
  configure: ["Configure", "Configuration of the vault"],
  recoveryPlan: ["RecoveryPlan", "Run of a recovery plan"],
  reverse: ["SwitchProtection", "Protect in the other direction"],
  upgradeAgent: ["UpdateMobilityService", "Upgrade of the agent"],
};

const CONFIGURED: Record<Configuration, Words> = {
  putFabric: ["CreateFabric", "Create a fabric"],
  removeFabric: ["DeleteFabric", "Remove a fabric"],
  putContainer: ["CreateProtectionContainer", "Create a protection container"],
  removeContainer: ["DeleteProtectionContainer", "Remove a protection container"],
  putPolicy: ["SaveProtectionProfile", "Create or change a replication policy"],
  removePolicy: ["DeleteProtectionProfile", "Remove a replication policy"],
  putContainerMapping: ["PairClouds", "Pair protection containers"],
  removeContainerMapping: ["UnpairClouds", "Unpair protection containers"],
  putNetworkMapping: ["CreateNetworkMapping", "Map a network"],
  removeNetworkMapping: ["DeleteNetworkMapping", "Unmap a network"],
  putVaultSetting: ["UpdateVaultSetting", "Change a setting of the vault"],
  refreshHealth: ["RefreshVaultHealth", "Refresh the vault's health"],
  checkConsistency: ["CheckConsistency", "Check a fabric's consistency"],
  exportJobs: ["ExportJobs", "Export jobs"],
  putRecoveryPlan: ["SaveRecoveryPlan", "Create or change a recovery plan"],
  removeRecoveryPlan: ["DeleteRecoveryPlan", "Remove a recovery plan"],
  addDisks: ["AddDisks", "Add disks to a protection"],
  removeDisks: ["RemoveDisks", "Remove disks from a protection"],
};

/** Of recovery plans ASR has the words of a single machine. */
const RUN: Record<RunType, Words> = {
  UnplannedFailover: ["UnplannedFailover", "Unplanned failover of a recovery plan"],
  PlannedFailover: ["PlannedFailover", "Planned failover of a recovery plan"],
  TestFailover: ["TestFailover", "Test failover of a recovery plan"],
  TestFailoverCleanup: ["TestFailoverCleanup", "Clean-up of a recovery plan's test failover"],
  Commit: ["CommitFailover", "Commit of a recovery plan's failover"],
  CancelFailover: ["CancelFailover", "Cancelling of a recovery plan's failover"],
  ReverseReplicate: ["SwitchProtection", "Protection of a recovery plan's machines the other way"],
};

/** Of a failover that is not carried out unless its source was shut down before. */
const PLANNED: Words = ["PlannedFailover", "Planned failover"];

type Named = Pick<JobRecord, "kind" | "configuration" | "run" | "shutDown">;

export function scenarioOf({ kind, configuration, run, shutDown }: Named): Words {
  if (configuration) return CONFIGURED[configuration];
  if (kind === "failover" && shutDown === "required") return PLANNED;
  return run ? RUN[run] : SCENARIO[kind];
}
