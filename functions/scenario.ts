import type { Configuration, JobKind, JobRecord } from "../engine/recovery/job.ts";

type Words = readonly [name: string, friendly: string];

/** ASR's word for what a job does, and one for people. */
export const SCENARIO: Record<JobKind, Words> = {
  enable: ["EnableDr", "Enable replication"],
  failover: ["UnplannedFailover", "Unplanned failover"],
  cancelFailover: ["CancelFailover", "Cancel failover"],
  groupFailover: ["GroupFailover", "Failover of a group"],
  testFailover: ["TestFailover", "Test failover"],
  testFailoverCleanup: ["TestFailoverCleanup", "Clean-up of a test failover"],
  disable: ["DisableDr", "Disable replication"],
  configure: ["Configure", "Configuration of the vault"],
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
};

export const scenarioOf = ({ kind, configuration }: Pick<JobRecord, "kind" | "configuration">): Words =>
  configuration ? CONFIGURED[configuration] : SCENARIO[kind];
