/** How an operation is answered: as Site Recovery does, with more beside it, or otherwise, and why. */
interface Note {
  readonly kind: "more" | "differs";
  readonly note: string;
}

const more = (note: string): Note => ({ kind: "more", note });
const differs = (note: string): Note => ({ kind: "differs", note });

/** Of operations that are served; one that is not here is as Site Recovery's. */
export const NOTES: Readonly<Record<string, Note>> = {
  "replicationFabrics.create": differs(
    "`Azure` only. No container is made with it. Done when it is answered: the operation has ended",
  ),
  "replicationFabrics.get": more("a fabric that nobody made is there as long as an item names it"),
  "replicationFabrics.list": more("with those that only items name"),
  "replicationFabrics.delete": differs(
    "409 names the containers or items that are in it, at once; ASR's job fails later",
  ),
  "replicationFabrics.purge": differs("takes empty containers and their mappings along; never items"),
  "replicationFabrics.checkConsistency": differs(
    "nothing is kept elsewhere that could differ: it only looks whether the fabric is there",
  ),
  "replicationProtectionContainers.get": more("one that nobody made is there as long as an item names it"),
  "replicationProtectionContainers.list": more("with those that only items name"),
  "replicationProtectionContainers.delete": differs("409 names what uses it, at once"),
  "replicationPolicies.create": differs(
    "without `recoveryPointHistory` a day is kept, where ASR keeps no points; `multiVmSyncStatus` is kept and shown, common points are a group's. `properties.leeward.policy` says all the rest",
  ),
  "replicationPolicies.get": more("`properties.leeward.policy`: everything that its machines go by"),
  "replicationPolicies.update": more(
    "changes what its machines do within the call; needs Admin, since a shorter history deletes points",
  ),
  "replicationPolicies.delete": differs("409 names the items and mappings that go by it"),
  "replicationProtectionContainerMappings.create": differs(
    "`agentAutoUpdateStatus` and the automation account are kept and shown, and nothing goes by them: agents are upgraded when somebody asks (`updateMobilityService`). Enablement does not need a mapping",
  ),
  "replicationNetworkMappings.create": more(
    "`properties.leeward.subnets` maps subnets by name; enablement makes rows of both directions by itself",
  ),
  "replicationNetworkMappings.update": differs(
    "another `primaryNetworkId` is refused: a row is of one network",
  ),
  "replicationProtectedItems.create": more(
    "everything of the target is accepted at enablement; a `policyId` of nothing is refused; without one the container mapping's policy holds",
  ),
  "replicationProtectedItems.get": more(
    "live figures, both losses, watermarks and progress in `properties.leeward`",
  ),
  "replicationProtectedItems.delete": more(
    "the job names everything that was deleted, and what was left and why",
  ),
  "replicationProtectedItems.repairReplication": differs(
    "begins a comparison and answers 200 with the item; its progress is in `properties.leeward.resync`",
  ),
  "replicationProtectedItems.unplannedFailover": more(
    "to any point, instant or write (`properties.leeward`); `sourceSiteOperations: Required` shuts the source down if it can be",
  ),
  "replicationProtectedItems.testFailover": more(
    "without a network an isolated one is made; the measured time to recover is in the job",
  ),
  "replicationProtectedItems.update": more(
    "also while the first copy is made; `leeward.policy`; answered at once. What would have to be ignored is refused by its name",
  ),
  "replicationProtectedItems.plannedFailover": more(
    "the source is shut down, and its last write has arrived before it is failed over; ASR has none for Azure to Azure",
  ),
  "replicationProtectedItems.applyRecoveryPoint": more("to any instant or write as well, with another size"),
  "replicationProtectedItems.failoverCommit": differs("recovery points stay; the job names what was deleted"),
  "replicationProtectedItems.resolveHealthErrors": differs(
    "answered at once; only what has happened can be dismissed, not what goes on (400)",
  ),
  "replicationProtectedItems.switchProvider": differs(
    "409 with the reason: there is one way from Azure to Azure",
  ),
  "replicationProtectionContainers.discoverProtectableItem": differs(
    "409 with the reason: machines of Azure are found without it",
  ),
  "replicationProtectedItems.addDisks": more(
    "the other disks are not copied again; older points keep the disks that they have. With an agent the disk must be served by it first (409 says as which)",
  ),
  "replicationProtectedItems.removeDisks": more(
    "points that have the disk keep it; never the disk that the machine boots from",
  ),
  "replicationProtectedItems.reprotect": more("as `switchprotection`; ASR has it for unmanaged disks only"),
  "replicationProtectionContainers.switchProtection": more(
    "only what differs from the former disks is copied; the app of the other region takes the machine over ([reprotect.md](reprotect.md)), without one 409",
  ),
  "replicationRecoveryPlans.create": differs(
    "20 groups; scripts are https addresses, runbooks are refused; machines are in groups of the type `Boot`",
  ),
  "replicationRecoveryPlans.reprotect": differs(
    "a machine is done once the other region's app has it: its job goes on over there. The way home is a plan of that app",
  ),
  "replicationRecoveryPlans.unplannedFailover": more(
    "a machine that is there already is passed over, so a run is asked for again until it succeeds",
  ),
  "replicationProtectedItems.failoverCancel": more(
    "also of a failover that has failed; what it built is deleted",
  ),
  "recoveryPoints.listByReplicationProtectedItems": more(
    "newest first; verified or not, both losses, digests of each disk",
  ),
  "replicationJobs.list": more("newest first, in pages; writes of the vault's own resources are jobs too"),
  "replicationJobs.cancel": differs(
    "an enablement, once its first copy goes on: what it made is deleted. Everything else is refused with the reason; a failover is taken back behind its end (`failoverCancel`)",
  ),
  "replicationJobs.restart": more(
    "what failed, unless something else was begun since; with the role of what it does",
  ),
  "replicationJobs.resume": more(
    "a manual action of a recovery plan is done; no other job waits for somebody (409)",
  ),
  "replicationJobs.export": differs(
    "JSON, read when it is fetched: `blobUri` is of this API and wants the caller's own token; `sasToken` is empty, since no key to the storage is given away",
  ),
  "replicationEvents.list": differs(
    "jobs that ended, errors that came and went; 30 days and 5,000 events at most, deleted by the timer that writes them",
  ),
  "replicationAlertSettings.create": differs(
    "kept and shown; Leeward sends no mail. Take events and metrics to what does",
  ),
  "replicationVaultHealth.refresh": differs("health is read anew each time it is asked for"),
  "replicationProtectionIntents.create": differs(
    "makes fabrics, containers, policy and mapping under ASR's default names and begins the enablement. Into the app's own region only; what is `New` is made where it is needed and named by Leeward; a name for it is refused",
  ),
  "supportedOperatingSystemsOperations.get": differs(
    "any: no driver of ours is in the guest, so there is no list of kernels",
  ),
  "targetComputeSizes.listByReplicationProtectedItems": more("as Azure offers them to the subscription now"),
  "replicationVaultSetting.create": differs("kept and shown; nothing goes by it"),
  "replicationRecoveryServicesProviders.list": differs(
    "one in each fabric, for the clients that look for it",
  ),
  "replicationEligibilityResultsOperations.get": more("warnings beside errors, and what the copy will lack"),
  "operations.list": differs("lists what is served here"),
};
