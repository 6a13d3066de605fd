/**
 * Every operation of Azure Site Recovery that Microsoft's client 5.1.0 has, with how much of it matters for Azure to Azure: 1 and 2
 * are what its users touch, 3 what tools read now and then, 4 what other kinds of protection have. `{V}` is a vault, `{F}` a fabric
 * in it, `{C}` a protection container, `{I}` a protected item, `{G}` the providers of a resource group.
 */
const TABLE = `
1 recoveryPoints.get GET {I}/recoveryPoints/{recoveryPoint}
1 recoveryPoints.listByReplicationProtectedItems GET {I}/recoveryPoints
1 replicationFabrics.create PUT {F}
1 replicationFabrics.delete POST {F}/remove
1 replicationFabrics.get GET {F}
1 replicationFabrics.list GET {V}/replicationFabrics
1 replicationFabrics.purge DELETE {F}
1 replicationJobs.get GET {V}/replicationJobs/{job}
1 replicationJobs.list GET {V}/replicationJobs
1 replicationNetworkMappings.create PUT {F}/replicationNetworks/{network}/replicationNetworkMappings/{networkMapping}
1 replicationNetworkMappings.delete DELETE {F}/replicationNetworks/{network}/replicationNetworkMappings/{networkMapping}
1 replicationNetworkMappings.get GET {F}/replicationNetworks/{network}/replicationNetworkMappings/{networkMapping}
1 replicationNetworkMappings.list GET {V}/replicationNetworkMappings
1 replicationNetworkMappings.listByReplicationNetworks GET {F}/replicationNetworks/{network}/replicationNetworkMappings
1 replicationNetworkMappings.update PATCH {F}/replicationNetworks/{network}/replicationNetworkMappings/{networkMapping}
1 replicationPolicies.create PUT {V}/replicationPolicies/{policy}
1 replicationPolicies.delete DELETE {V}/replicationPolicies/{policy}
1 replicationPolicies.get GET {V}/replicationPolicies/{policy}
1 replicationPolicies.list GET {V}/replicationPolicies
1 replicationPolicies.update PATCH {V}/replicationPolicies/{policy}
1 replicationProtectedItems.applyRecoveryPoint POST {I}/applyRecoveryPoint
1 replicationProtectedItems.create PUT {I}
1 replicationProtectedItems.delete POST {I}/remove
1 replicationProtectedItems.failoverCommit POST {I}/failoverCommit
1 replicationProtectedItems.get GET {I}
1 replicationProtectedItems.list GET {V}/replicationProtectedItems
1 replicationProtectedItems.listByReplicationProtectionContainers GET {C}/replicationProtectedItems
1 replicationProtectedItems.purge DELETE {I}
1 replicationProtectedItems.testFailover POST {I}/testFailover
1 replicationProtectedItems.testFailoverCleanup POST {I}/testFailoverCleanup
1 replicationProtectedItems.unplannedFailover POST {I}/unplannedFailover
1 replicationProtectedItems.update PATCH {I}
1 replicationProtectionContainerMappings.create PUT {C}/replicationProtectionContainerMappings/{mapping}
1 replicationProtectionContainerMappings.delete POST {C}/replicationProtectionContainerMappings/{mapping}/remove
1 replicationProtectionContainerMappings.get GET {C}/replicationProtectionContainerMappings/{mapping}
1 replicationProtectionContainerMappings.list GET {V}/replicationProtectionContainerMappings
1 replicationProtectionContainerMappings.listByReplicationProtectionContainers GET {C}/replicationProtectionContainerMappings
1 replicationProtectionContainerMappings.purge DELETE {C}/replicationProtectionContainerMappings/{mapping}
1 replicationProtectionContainerMappings.update PATCH {C}/replicationProtectionContainerMappings/{mapping}
1 replicationProtectionContainers.create PUT {C}
1 replicationProtectionContainers.delete POST {C}/remove
1 replicationProtectionContainers.get GET {C}
1 replicationProtectionContainers.list GET {V}/replicationProtectionContainers
1 replicationProtectionContainers.listByReplicationFabrics GET {F}/replicationProtectionContainers
1 replicationProtectionContainers.switchProtection POST {C}/switchprotection
2 replicationAlertSettings.create PUT {V}/replicationAlertSettings/{alertSetting}
2 replicationAlertSettings.get GET {V}/replicationAlertSettings/{alertSetting}
2 replicationAlertSettings.list GET {V}/replicationAlertSettings
2 replicationEligibilityResultsOperations.get GET {G}/Microsoft.Compute/virtualMachines/{virtualMachine}/providers/Microsoft.RecoveryServices/replicationEligibilityResults/default
2 replicationEligibilityResultsOperations.list GET {G}/Microsoft.Compute/virtualMachines/{virtualMachine}/providers/Microsoft.RecoveryServices/replicationEligibilityResults
2 replicationEvents.get GET {V}/replicationEvents/{event}
2 replicationEvents.list GET {V}/replicationEvents
2 replicationJobs.cancel POST {V}/replicationJobs/{job}/cancel
2 replicationJobs.export POST {V}/replicationJobs/export
2 replicationJobs.restart POST {V}/replicationJobs/{job}/restart
2 replicationJobs.resume POST {V}/replicationJobs/{job}/resume
2 replicationProtectedItems.addDisks POST {I}/addDisks
2 replicationProtectedItems.failoverCancel POST {I}/failoverCancel
2 replicationProtectedItems.plannedFailover POST {I}/plannedFailover
2 replicationProtectedItems.removeDisks POST {I}/removeDisks
2 replicationProtectedItems.repairReplication POST {I}/repairReplication
2 replicationProtectedItems.reprotect POST {I}/reProtect
2 replicationProtectedItems.resolveHealthErrors POST {I}/resolveHealthErrors
2 replicationProtectedItems.updateMobilityService POST {I}/updateMobilityService
2 replicationProtectionIntents.create PUT {V}/replicationProtectionIntents/{intentObject}
2 replicationProtectionIntents.get GET {V}/replicationProtectionIntents/{intentObject}
2 replicationProtectionIntents.list GET {V}/replicationProtectionIntents
2 replicationRecoveryPlans.create PUT {V}/replicationRecoveryPlans/{recoveryPlan}
2 replicationRecoveryPlans.delete DELETE {V}/replicationRecoveryPlans/{recoveryPlan}
2 replicationRecoveryPlans.failoverCancel POST {V}/replicationRecoveryPlans/{recoveryPlan}/failoverCancel
2 replicationRecoveryPlans.failoverCommit POST {V}/replicationRecoveryPlans/{recoveryPlan}/failoverCommit
2 replicationRecoveryPlans.get GET {V}/replicationRecoveryPlans/{recoveryPlan}
2 replicationRecoveryPlans.list GET {V}/replicationRecoveryPlans
2 replicationRecoveryPlans.plannedFailover POST {V}/replicationRecoveryPlans/{recoveryPlan}/plannedFailover
2 replicationRecoveryPlans.reprotect POST {V}/replicationRecoveryPlans/{recoveryPlan}/reProtect
2 replicationRecoveryPlans.testFailover POST {V}/replicationRecoveryPlans/{recoveryPlan}/testFailover
2 replicationRecoveryPlans.testFailoverCleanup POST {V}/replicationRecoveryPlans/{recoveryPlan}/testFailoverCleanup
2 replicationRecoveryPlans.unplannedFailover POST {V}/replicationRecoveryPlans/{recoveryPlan}/unplannedFailover
2 replicationRecoveryPlans.update PATCH {V}/replicationRecoveryPlans/{recoveryPlan}
2 replicationVaultHealth.get GET {V}/replicationVaultHealth
2 replicationVaultHealth.refresh POST {V}/replicationVaultHealth/default/refresh
2 supportedOperatingSystemsOperations.get GET {V}/replicationSupportedOperatingSystems
2 targetComputeSizes.listByReplicationProtectedItems GET {I}/targetComputeSizes
3 operations.list GET {G}/Microsoft.RecoveryServices/operations
3 replicationAppliances.list GET {V}/replicationAppliances
3 replicationFabrics.checkConsistency POST {F}/checkConsistency
3 replicationNetworks.get GET {F}/replicationNetworks/{network}
3 replicationNetworks.list GET {V}/replicationNetworks
3 replicationNetworks.listByReplicationFabrics GET {F}/replicationNetworks
3 replicationProtectableItems.get GET {C}/replicationProtectableItems/{protectableItem}
3 replicationProtectableItems.listByReplicationProtectionContainers GET {C}/replicationProtectableItems
3 replicationProtectedItems.switchProvider POST {I}/switchProvider
3 replicationProtectionContainers.discoverProtectableItem POST {C}/discoverProtectableItem
3 replicationRecoveryServicesProviders.get GET {F}/replicationRecoveryServicesProviders/{provider}
3 replicationRecoveryServicesProviders.list GET {V}/replicationRecoveryServicesProviders
3 replicationRecoveryServicesProviders.listByReplicationFabrics GET {F}/replicationRecoveryServicesProviders
3 replicationVaultSetting.create PUT {V}/replicationVaultSettings/{vaultSetting}
3 replicationVaultSetting.get GET {V}/replicationVaultSettings/{vaultSetting}
3 replicationVaultSetting.list GET {V}/replicationVaultSettings
4 migrationRecoveryPoints.get GET {C}/replicationMigrationItems/{migrationItem}/migrationRecoveryPoints/{migrationRecoveryPoint}
4 migrationRecoveryPoints.listByReplicationMigrationItems GET {C}/replicationMigrationItems/{migrationItem}/migrationRecoveryPoints
4 replicationFabrics.migrateToAad POST {F}/migratetoaad
4 replicationFabrics.reassociateGateway POST {F}/reassociateGateway
4 replicationFabrics.renewCertificate POST {F}/renewCertificate
4 replicationLogicalNetworks.get GET {F}/replicationLogicalNetworks/{logicalNetwork}
4 replicationLogicalNetworks.listByReplicationFabrics GET {F}/replicationLogicalNetworks
4 replicationMigrationItems.create PUT {C}/replicationMigrationItems/{migrationItem}
4 replicationMigrationItems.delete DELETE {C}/replicationMigrationItems/{migrationItem}
4 replicationMigrationItems.get GET {C}/replicationMigrationItems/{migrationItem}
4 replicationMigrationItems.list GET {V}/replicationMigrationItems
4 replicationMigrationItems.listByReplicationProtectionContainers GET {C}/replicationMigrationItems
4 replicationMigrationItems.migrate POST {C}/replicationMigrationItems/{migrationItem}/migrate
4 replicationMigrationItems.pauseReplication POST {C}/replicationMigrationItems/{migrationItem}/pauseReplication
4 replicationMigrationItems.resumeReplication POST {C}/replicationMigrationItems/{migrationItem}/resumeReplication
4 replicationMigrationItems.resync POST {C}/replicationMigrationItems/{migrationItem}/resync
4 replicationMigrationItems.testMigrate POST {C}/replicationMigrationItems/{migrationItem}/testMigrate
4 replicationMigrationItems.testMigrateCleanup POST {C}/replicationMigrationItems/{migrationItem}/testMigrateCleanup
4 replicationMigrationItems.update PATCH {C}/replicationMigrationItems/{migrationItem}
4 replicationProtectedItems.updateAppliance POST {I}/updateAppliance
4 replicationRecoveryServicesProviders.create PUT {F}/replicationRecoveryServicesProviders/{provider}
4 replicationRecoveryServicesProviders.delete POST {F}/replicationRecoveryServicesProviders/{provider}/remove
4 replicationRecoveryServicesProviders.purge DELETE {F}/replicationRecoveryServicesProviders/{provider}
4 replicationRecoveryServicesProviders.refreshProvider POST {F}/replicationRecoveryServicesProviders/{provider}/refreshProvider
4 replicationStorageClassificationMappings.create PUT {F}/replicationStorageClassifications/{storageClassification}/replicationStorageClassificationMappings/{storageClassificationMapping}
4 replicationStorageClassificationMappings.delete DELETE {F}/replicationStorageClassifications/{storageClassification}/replicationStorageClassificationMappings/{storageClassificationMapping}
4 replicationStorageClassificationMappings.get GET {F}/replicationStorageClassifications/{storageClassification}/replicationStorageClassificationMappings/{storageClassificationMapping}
4 replicationStorageClassificationMappings.list GET {V}/replicationStorageClassificationMappings
4 replicationStorageClassificationMappings.listByReplicationStorageClassifications GET {F}/replicationStorageClassifications/{storageClassification}/replicationStorageClassificationMappings
4 replicationStorageClassifications.get GET {F}/replicationStorageClassifications/{storageClassification}
4 replicationStorageClassifications.list GET {V}/replicationStorageClassifications
4 replicationStorageClassifications.listByReplicationFabrics GET {F}/replicationStorageClassifications
4 replicationvCenters.create PUT {F}/replicationvCenters/{vcenter}
4 replicationvCenters.delete DELETE {F}/replicationvCenters/{vcenter}
4 replicationvCenters.get GET {F}/replicationvCenters/{vcenter}
4 replicationvCenters.list GET {V}/replicationvCenters
4 replicationvCenters.listByReplicationFabrics GET {F}/replicationvCenters
4 replicationvCenters.update PATCH {F}/replicationvCenters/{vcenter}
`;

const SHORT: readonly (readonly [string, string])[] = [
  ["{I}", "{C}/replicationProtectedItems/{item}"],
  ["{C}", "{F}/replicationProtectionContainers/{container}"],
  ["{F}", "{V}/replicationFabrics/{fabric}"],
  ["{V}", "{G}/Microsoft.RecoveryServices/vaults/{vault}"],
  ["{G}", "subscriptions/{subscription}/resourceGroups/{group}/providers"],
];

export interface Operation {
  /** As the client calls it: group and method. */
  readonly name: string;
  readonly tier: number;
  readonly method: string;
  /** A route's template. */
  readonly path: string;
  /** As the table has it. */
  readonly short: string;
  readonly isList: boolean;
}

export const OPERATIONS: readonly Operation[] = TABLE.trim().split("\n").map(operation);

function operation(line: string): Operation {
  const [tier = "", name = "", method = "", short = ""] = line.split(" ");
  const path = SHORT.reduce((long, [from, to]) => long.replace(from, to), short);
  return { name, tier: Number(tier), method, path, short, isList: /\.list/.test(name) };
}

/** What tells one place from another: names of parameters do not, nor does casing. */
export const placeOf = ({ method, path }: { readonly method: string; readonly path: string }): string =>
  `${method} ${path.toLowerCase().replaceAll(/\{[^}]*\}/g, "{}")}`;
