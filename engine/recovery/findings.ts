interface Finding {
  /** An error keeps the machine from being protected; what a failover would lack is a warning where it can be had until then. */
  readonly level: "Error" | "Warning";
  readonly causes: string;
  readonly remedy: string;
}

const error = (causes: string, remedy: string): Finding => ({ level: "Error", causes, remedy });
const warning = (causes: string, remedy: string): Finding => ({ level: "Warning", causes, remedy });

const SIZE = "Choose another size for the source, or another target region.";
const QUOTA =
  "Ask for a larger quota in the target region, or free some of it there, before a failover is needed.";

/**
 * Everything that a look at a machine can find, by code. Codes are part of the API: never rename one. `docs/eligibility.md`
 * has the same table, which a test compares.
 */
export const FINDINGS = {
  // the machine
  SourceGone: error(
    "The machine was deleted, moved, or renamed.",
    "Fail over to a recovery point when it is needed; otherwise end its protection.",
  ),
  RegionIsTarget: error(
    "The machine is in the region that Leeward protects into.",
    "Use the Leeward of another region for it.",
  ),
  IdentityMissing: error(
    "The machine has no system-assigned identity, by which its agent is known.",
    "Turn the machine's system-assigned identity on.",
  ),
  BootDiskByAgent: error(
    "Capture by an agent (policy.capture: nbd) stands before the disks, and cannot stand before the one that the machine starts from.",
    "Choose capture by snapshots (policy.capture: snapshots), which needs no agent.",
  ),
  NetworkMissing: error(
    "The machine has no network interface, or one that is in no subnet.",
    "Attach a network interface that is in a subnet.",
  ),
  VmConfidential: error(
    "The state of a confidential machine's disks is bound to its host's key and cannot be copied.",
    "Protect the data by the application's own means.",
  ),
  VmOnDedicatedHost: error(
    "The machine is bound to a dedicated host, which the target region does not have.",
    "Take the machine off the host, and give the copy one after a failover.",
  ),
  // its disks
  DiskUnmanaged: error(
    "The disk is a blob in a storage account. Azure retired such disks in March 2026.",
    "Convert the machine to managed disks.",
  ),
  DiskEphemeral: error(
    "The OS disk lives on the machine's host and does not outlive it.",
    "Give the machine an OS disk that is a managed disk.",
  ),
  DiskShared: error(
    "Several machines write to the disk, so one machine's writes are not its whole story.",
    "Leave the disk out (vmManagedDisks), or protect its data by the cluster's own means.",
  ),
  DiskTooLarge: error(
    "The replica and an imported disk are page blobs, which end at 8 TiB.",
    "Spread the data over smaller disks, or leave the disk out (vmManagedDisks).",
  ),
  DiskSizeOdd: error(
    "The disk's size is no whole number of MiB.",
    "Resize the disk to a whole number of GiB.",
  ),
  DiskEncryptedInGuest: error(
    "Azure Disk Encryption keeps the key in a vault of the source region, which a failover would need.",
    "Use encryption at host instead.",
  ),
  DisksTooMany: error(
    "A machine of Leeward has 64 disks at most, its OS disk among them.",
    "Name those to protect (vmManagedDisks).",
  ),
  DisksChanged: warning(
    "A disk was attached since the machine was protected. It is in no recovery point.",
    "Enable protection anew with the disk, or detach it.",
  ),
  DiskDetached: error(
    "A protected disk is no longer attached to the machine.",
    "Attach it again, or enable protection anew without it.",
  ),
  DiskResized: error(
    "A protected disk has another size than its journal. One that has grown is compared by itself: by snapshots with the next image, by an agent once it is started anew.",
    "Where an agent captures, restart it. A disk that is smaller is another disk: enable protection anew.",
  ),
  DiskCustomerKey: warning(
    "The disk is encrypted with the customer's key. Its copy is encrypted with the platform's unless an encryption set of the target region is named.",
    "Name one by recoveryDiskEncryptionSetId of the disk when protection is enabled.",
  ),
  DiskCachedWrites: warning(
    "The host's cache takes writes of the disk that a crash of the host may lose.",
    "Set the disk's caching to None or ReadOnly where a database is on it.",
  ),
  DiskAccelerated: warning(
    "The target's disk has no write accelerator until its size and zone are known to have one.",
    "Turn it on after a failover.",
  ),
  DiskKindMissing: error(
    "The target region does not offer the kind of one of the disks to this subscription.",
    "Change the disk's kind, or choose another target region.",
  ),
  // what its copy will lack
  ExtensionsLost: warning(
    "Extensions are not copied, and what they keep outside the disks is not either.",
    "Install them on the target machine after a failover; a policy of Azure's may do it.",
  ),
  RolesLost: warning(
    "Roles that are assigned on the machine itself are not assigned on its copy.",
    "Assign them on the target resource group, where the copy inherits them.",
  ),
  PublicAddressLost: warning(
    "A public address belongs to its region. The copy has none.",
    "Reach the machine by a name, and give the copy an address of the target region.",
  ),
  LoadBalancerLost: warning(
    "The copy is in no back-end pool.",
    "Put it into a load balancer of the target region after a failover, or in a recovery plan.",
  ),
  GatewayLost: warning(
    "The target's subnets are made without the source's NAT gateways, so the copy may not reach the internet.",
    "Give the target's subnets a gateway, or name a target network that has one.",
  ),
  RoutesLost: warning(
    "The target's subnets are made without the source's route tables.",
    "Name a target network that has its routes, or assign them before a failover.",
  ),
  AddressesLost: warning(
    "IPv6 addresses are not kept: the target's subnet gives new ones.",
    "Make names and rules that point to them follow a failover.",
  ),
  IdentityChanges: warning(
    "The copy's system-assigned identity is another one: what the old one may do, the new one may not.",
    "Grant the copy's identity the same roles after a failover, or use a user-assigned identity: the copy keeps it where the app may assign it.",
  ),
  VtpmFresh: warning(
    "The copy gets a fresh virtual TPM. BitLocker, and whatever else sealed keys to the old one, asks for its recovery key at the first start.",
    "Have the recovery keys at hand outside the machine, or suspend BitLocker's protector before a planned failover.",
  ),
  UserDataLost: warning("User data are not copied.", "Set them on the target machine after a failover."),
  PlanTerms: warning(
    "The machine was bought in the marketplace. The target subscription must have accepted the same terms.",
    "Accept the plan's terms in the target subscription before a failover.",
  ),
  SpotLost: warning(
    "The machine is a spot one. Its copy is an ordinary one, at the ordinary price.",
    "Nothing is to be done if that is wanted.",
  ),
  PlacementLost: warning(
    "Proximity groups, capacity reservations and scale sets belong to the source's region.",
    "Set the copy's after a failover; capacity is certain only where it is reserved.",
  ),
  ZoneLost: warning(
    "The machine is in a zone. Its copy is pinned to one only where enablement names it.",
    "Name it by recoveryAvailabilityZone when protection is enabled.",
  ),
  VmStopped: warning(
    "The machine does not run, so no agent can be installed and nothing is replicated.",
    "Start the machine.",
  ),
  GuestAgentSilent: warning(
    "The guest agent, which installs extensions, is not ready.",
    "Repair the Azure guest agent on the machine.",
  ),
  // the target
  SizeMissing: error("The target region does not have the machine's size.", SIZE),
  SizeRestricted: error(
    "The subscription may not use the machine's size in the target region.",
    "Ask for access to the size there, or choose another size or region.",
  ),
  SizeTooFewDisks: error("The size takes fewer data disks in the target region.", SIZE),
  SizeTooFewInterfaces: error("The size takes fewer network interfaces in the target region.", SIZE),
  SizeWithoutPremium: error("The machine has premium disks, which the size does not take there.", SIZE),
  SizeWithoutUltra: error("The machine uses ultra disks, which the size does not take there.", SIZE),
  SizeOtherGeneration: error("The size does not start disks of this generation there.", SIZE),
  SizeOtherProcessor: error("The disks are of another processor architecture than the size.", SIZE),
  SizeOtherController: error("The machine's disks are on a controller that the size does not have.", SIZE),
  SizeWithoutTrustedLaunch: error(
    "The machine uses trusted launch, which the size does not have there.",
    SIZE,
  ),
  SizeWithoutHostEncryption: error(
    "The machine is encrypted at its host, which the size does not have there.",
    SIZE,
  ),
  SizeWithoutAcceleration: warning(
    "The size has no accelerated networking in the target region.",
    "Expect slower networking after a failover, or choose another size.",
  ),
  QuotaCores: warning(
    "A failover needs more cores than the quota of the region or of the size's family has left.",
    QUOTA,
  ),
  QuotaMachines: warning("A failover needs one machine more than the quota has left.", QUOTA),
  QuotaDisks: warning("A failover needs more disks of a kind than the quota has left.", QUOTA),
  QuotaNetwork: warning(
    "A failover needs more network interfaces or networks than the quota has left.",
    QUOTA,
  ),
  ProviderUnregistered: error(
    "The target subscription has not registered a resource provider that a failover needs.",
    "Register it: az provider register --namespace, with the name in the message.",
  ),
  NameTaken: error(
    "A storage account has the name already, and is not Leeward's.",
    "Name another target resource group, or a cache account of your own (primaryStagingAzureStorageAccountId).",
  ),
  // where the copy is to be placed
  PlacementMissing: error(
    "Something that was named for the copy to be placed in, to be encrypted by, or to keep its boot diagnostics, is not there.",
    "Make it, or name another one, in the field that the message has.",
  ),
  PlacementElsewhere: error(
    "Something that was named for the copy is in another region than the copy will be.",
    "Name one of the target region.",
  ),
  PlacementZone: error(
    "A proximity group, scale set or reservation group is pinned to other zones than the copy, or only one of the two is to any.",
    "Name a zone of the group by recoveryAvailabilityZone, or another group.",
  ),
  PlacementExcluded: error(
    "Azure does not take together what was named for the copy, or not with what the machine has.",
    "Leave out one of the two.",
  ),
  ScaleSetUniform: error(
    "A machine joins a scale set only where that is flexible (orchestrationMode).",
    "Name a flexible scale set.",
  ),
  ReservationMissing: error(
    "The reservation group reserves nothing of the copy's size where the copy will be.",
    "Add a reservation of that size to the group, or choose another size or group.",
  ),
  DiagnosticsAccountUnfit: error(
    "Boot diagnostics are kept in no premium and in no zone-redundant account.",
    "Name a standard account that is locally or geo-redundant, or none: Azure keeps them then.",
  ),
  // locks and rights
  LockedAgainstChange: error(
    "A ReadOnly lock refuses the agent's installation, starting machines and opening disks.",
    "Remove the lock, or put it on single resources that Leeward does not change.",
  ),
  LockedAgainstDeletion: warning(
    "A CanNotDelete lock keeps Leeward from cleaning up after a test or at the end of protection.",
    "Remove the lock before cleaning up; Leeward never lifts one.",
  ),
  Unreadable: warning(
    "The app's identity may not read something, so it was not judged.",
    "Give it the role that infra/ defines for it (docs/azure-calls.md).",
  ),
} as const satisfies Record<string, Finding>;

export type FindingCode = keyof typeof FINDINGS;

/** One thing found about one machine. */
export interface Found {
  readonly code: FindingCode;
  /** What exactly, with names. */
  readonly message: string;
}

export const isFindingCode = (code: string): code is FindingCode => Object.hasOwn(FINDINGS, code);

export const isError = ({ code }: Found): boolean => FINDINGS[code].level === "Error";
