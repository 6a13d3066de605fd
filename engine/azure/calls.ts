import { PLACEMENT_CALLS } from "./placement-calls.ts";

/** Custom roles of `infra/`: reads of the whole subscription, and what is done where sources and where targets are. */
export const ROLES = ["inventory", "source", "target"] as const;
export type CustomRole = (typeof ROLES)[number];

export interface DeclaredCall {
  /** `METHOD /path`, names in braces. */
  readonly call: string;
  /** Where the right to it is given. */
  readonly roles: readonly CustomRole[];
  readonly why: string;
  /** Where it is another one than path and method say. */
  readonly action?: string;
  /** Further actions that Azure checks for it: of what the body links to, or of what the query asks for. */
  readonly also?: readonly string[];
}

const SUBSCRIPTION = "/subscriptions/{subscription}";
const GROUP = `${SUBSCRIPTION}/resourceGroups/{group}`;
const MACHINE = `${GROUP}/providers/Microsoft.Compute/virtualMachines/{machine}`;
const DISK = `${GROUP}/providers/Microsoft.Compute/disks/{disk}`;
const SNAPSHOT = `${GROUP}/providers/Microsoft.Compute/snapshots/{snapshot}`;
const SET = `${GROUP}/providers/Microsoft.Compute/availabilitySets/{set}`;
const NETWORK = `${GROUP}/providers/Microsoft.Network/virtualNetworks/{network}`;
const RULES = `${GROUP}/providers/Microsoft.Network/networkSecurityGroups/{rules}`;
const APPLICATION = `${GROUP}/providers/Microsoft.Network/applicationSecurityGroups/{application}`;
const NIC = `${GROUP}/providers/Microsoft.Network/networkInterfaces/{interface}`;
const ACCOUNT = `${GROUP}/providers/Microsoft.Storage/storageAccounts/{account}`;
const COMPUTE_AT = `${SUBSCRIPTION}/providers/Microsoft.Compute/locations/{location}`;
const STORAGE_AT = `${SUBSCRIPTION}/providers/Microsoft.Storage/locations/{location}`;
const NETWORK_AT = `${SUBSCRIPTION}/providers/Microsoft.Network/locations/{location}`;

const both = ["source", "target"] as const;
const inventory = ["inventory"] as const;
const source = ["source"] as const;
const target = ["target"] as const;

/**
 * Everything that the app asks of Azure Resource Manager: what is not here is not sent (`declared.ts`). `infra/roles.json` and
 * `docs/azure-calls.md` are made of it by `npm run azure-calls`.
 */
export const CALLS: readonly DeclaredCall[] = [
  {
    call: `GET ${SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`,
    roles: inventory,
    why: "the portal offers the subscription's machines",
  },
  {
    call: `GET ${SUBSCRIPTION}/providers/{provider}`,
    roles: inventory,
    why: "eligibility: whether the subscription has registered what a failover needs",
  },
  {
    call: `GET ${SUBSCRIPTION}/providers/Microsoft.Compute/skus`,
    roles: inventory,
    why: "eligibility: whether the target region has the machine's size and kinds of disks",
  },
  {
    call: `GET ${COMPUTE_AT}/usages`,
    roles: inventory,
    why: "eligibility: whether the target region's quotas have room",
  },
  {
    call: `GET ${NETWORK_AT}/usages`,
    roles: inventory,
    why: "eligibility: whether the target region's quotas have room",
  },
  {
    call: `POST ${SUBSCRIPTION}/providers/Microsoft.Storage/checkNameAvailability`,
    roles: inventory,
    why: "eligibility: whether the names of both accounts can be had",
    action: "Microsoft.Storage/checknameavailability/read",
  },
  {
    call: `GET ${GROUP}/providers/Microsoft.Authorization/locks`,
    roles: inventory,
    why: "eligibility: locks that will stop a failover or its clean-up",
  },
  {
    call: `GET ${MACHINE}/providers/Microsoft.Authorization/locks`,
    roles: inventory,
    why: "eligibility: locks that keep the agent from being installed",
  },
  {
    call: `GET ${MACHINE}/providers/Microsoft.Authorization/roleAssignments`,
    roles: inventory,
    why: "eligibility: whether roles are assigned on the machine, which its copy will lack",
  },
  {
    call: `GET ${MACHINE}/extensions`,
    roles: source,
    why: "eligibility: extensions that the machine's copy will lack; whether one of the kind that installs the agent is the owner's",
  },
  {
    call: `GET ${GROUP}/resources`,
    roles: both,
    why: "the end of a protection: what carries Leeward's tags, whoever made it and when",
  },
  { call: `GET ${GROUP}`, roles: target, why: "whether the target resource group is there" },
  {
    call: `PUT ${GROUP}`,
    roles: target,
    why: "makes the target resource group when it is not there; a role given on a group reaches only one that is, so the deployment makes them",
  },
  {
    call: `GET ${MACHINE}`,
    roles: both,
    why: "the source as it is; at a failover whether the target machine is there, is ours, and runs",
    also: ["Microsoft.Compute/virtualMachines/instanceView/read"],
  },
  {
    call: `PUT ${MACHINE}`,
    roles: target,
    why: "builds the target machine from attached disks, with the source's user-assigned identities",
    also: [
      "Microsoft.Network/networkInterfaces/join/action",
      "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
      "Microsoft.Compute/capacityReservationGroups/deploy/action",
    ],
  },
  {
    call: `DELETE ${MACHINE}`,
    roles: target,
    why: "takes back a machine that a failover built: one tried again with another point or size, or cancelled; the machine of a test failover",
  },
  {
    call: `POST ${MACHINE}/deallocate`,
    roles: both,
    why: "a planned failover, or one that is asked to: shuts the source machine down before its last writes are carried over; a reprotection: the former machine, before its disks are read",
  },
  {
    call: `POST ${MACHINE}/retrieveBootDiagnosticsData`,
    roles: target,
    why: "the serial console of a machine that was built, for the job",
  },
  {
    call: `GET ${MACHINE}/extensions/{extension}`,
    roles: source,
    why: "whether the extension there is ours",
  },
  {
    call: `PUT ${MACHINE}/extensions/{extension}`,
    roles: source,
    why: "installs the agent, and gives it its settings",
  },
  {
    call: `DELETE ${MACHINE}/extensions/{extension}`,
    roles: source,
    why: "takes away what carried the agent to the machine",
  },
  {
    call: `GET ${MACHINE}/runCommands/{command}`,
    roles: source,
    why: "whether the command there is ours, and how its script went",
  },
  {
    call: `PUT ${MACHINE}/runCommands/{command}`,
    roles: source,
    why: "installs the agent where the extension is taken, and removes it",
  },
  {
    call: `DELETE ${MACHINE}/runCommands/{command}`,
    roles: source,
    why: "takes away what carried the agent to the machine",
  },
  { call: `GET ${DISK}`, roles: both, why: "size, kind and state of a disk" },
  {
    call: `PUT ${DISK}`,
    roles: target,
    why: "a target disk, imported from the replica or to be uploaded",
    also: ["Microsoft.Storage/storageAccounts/read", "Microsoft.Compute/diskEncryptionSets/read"],
  },
  {
    call: `DELETE ${DISK}`,
    roles: target,
    why: "takes back what a failover built: the disks of an earlier try, of a cancelled one, or of a test failover",
  },
  { call: `POST ${DISK}/beginGetAccess`, roles: target, why: "opens a target disk for its bytes" },
  { call: `POST ${DISK}/endGetAccess`, roles: target, why: "ends an upload, and revokes its SAS" },
  {
    call: `GET ${GROUP}/providers/Microsoft.Compute/snapshots`,
    roles: both,
    why: "capture by snapshots: which of those in the source's group are ours, and needed by nobody; behind a reprotection the same of the former disks",
  },
  {
    call: `GET ${SNAPSHOT}`,
    roles: both,
    why: "capture by snapshots: whether one is there, of which disk and family it is; at a reprotection the same of a former disk",
  },
  {
    call: `PUT ${SNAPSHOT}`,
    roles: both,
    why: "capture by snapshots: takes an incremental one of a source disk; at a reprotection one of a disk that the machine had before its failover",
    also: ["Microsoft.Compute/disks/beginGetAccess/action"],
  },
  {
    call: `DELETE ${SNAPSHOT}`,
    roles: both,
    why: "capture by snapshots, and reprotection: takes away one that is no longer compared with; only what has our tags",
  },
  {
    call: `POST ${SNAPSHOT}/beginGetAccess`,
    roles: both,
    why: "capture by snapshots: opens one for reading what changed; at a reprotection for reading the former disk",
  },
  {
    call: `POST ${SNAPSHOT}/endGetAccess`,
    roles: both,
    why: "capture by snapshots, and reprotection: revokes every SAS of it, also one that a dead run left",
  },
  {
    call: `GET ${SET}`,
    roles: both,
    why: "fault and update domains of the source's set; whether the target's is ours",
  },
  { call: `PUT ${SET}`, roles: target, why: "an availability set like the source's" },
  {
    call: `GET ${NETWORK}`,
    roles: both,
    why: "address space and subnets; whether the target network is there",
  },
  {
    call: `PUT ${NETWORK}`,
    roles: target,
    why: "a target network with the source's subnets; more address space for one of ours; the isolated network of a test failover",
    also: ["Microsoft.Network/networkSecurityGroups/join/action"],
  },
  {
    call: `PUT ${NETWORK}/subnets/{subnet}`,
    roles: target,
    why: "a subnet that a further machine needs in a target network that is ours",
    also: ["Microsoft.Network/networkSecurityGroups/join/action"],
  },
  {
    call: `GET ${RULES}`,
    roles: both,
    why: "the rules of the source's subnets and interfaces; whether the target's group is ours",
  },
  {
    call: `PUT ${RULES}`,
    roles: target,
    why: "a copy of the source's rules; what lets nothing out of a test failover's network, nor into it",
    also: ["Microsoft.Network/applicationSecurityGroups/joinNetworkSecurityRule/action"],
  },
  { call: `GET ${APPLICATION}`, roles: target, why: "whether the target's group is ours" },
  { call: `PUT ${APPLICATION}`, roles: target, why: "what stands for a group that copied rules name" },
  {
    call: `DELETE ${NETWORK}`,
    roles: target,
    why: "takes away the isolated network of a test failover; the end of the last protection: a network that Leeward made",
  },
  { call: `DELETE ${RULES}`, roles: target, why: "takes away its rules with it" },
  {
    call: `GET ${NETWORK}/CheckIPAddressAvailability`,
    roles: target,
    why: "whether the source's private address is free in the target",
  },
  {
    call: `GET ${NIC}`,
    roles: both,
    why: "addresses and subnet of the source; whether the target's is ours",
  },
  {
    call: `PUT ${NIC}`,
    roles: target,
    why: "a network interface of the target machine",
    also: [
      "Microsoft.Network/virtualNetworks/subnets/join/action",
      "Microsoft.Network/networkSecurityGroups/join/action",
      "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    ],
  },
  {
    call: `DELETE ${NIC}`,
    roles: target,
    why: "takes back what a cancelled failover built, or a test failover; the end of a protection: what failovers left unused",
  },
  {
    call: `GET ${ACCOUNT}`,
    roles: both,
    why: "cache account of the source group, replica account of the target group",
  },
  { call: `PUT ${ACCOUNT}`, roles: both, why: "makes both accounts, with shared keys off" },
  {
    call: `GET ${ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/{assignment}`,
    roles: inventory,
    why: "whether a role that is to be given is; only where LEEWARD_ROLES_FOR is set",
  },
  {
    call: `PUT ${ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/{assignment}`,
    roles: [],
    why: "gives the app its roles on both accounts; only where LEEWARD_ROLES_FOR is set, by whoever gave it the right to",
  },
  {
    call: `PATCH ${MACHINE}`,
    roles: target,
    why: "the end of a protection: takes Leeward's tags off what a failover built, which is its user's from then on",
  },
  { call: `PATCH ${DISK}`, roles: target, why: "the same for its disks" },
  { call: `PATCH ${NIC}`, roles: target, why: "the same for its network interfaces" },
  {
    call: `DELETE ${SET}`,
    roles: target,
    why: "the end of the last protection: an availability set that Leeward made",
  },
  {
    call: `DELETE ${APPLICATION}`,
    roles: target,
    why: "the end of the last protection: a group that copied rules named",
  },
  ...["queueServices/default/queues", "tableServices/default/tables", "fileServices/default/shares"].map(
    (collection): DeclaredCall => ({
      call: `GET ${ACCOUNT}/${collection}`,
      roles: both,
      why: "the end of the last protection: whether somebody keeps something else in an account that Leeward made",
    }),
  ),
  {
    call: `DELETE ${ACCOUNT}`,
    roles: both,
    why: "the end of the last protection: accounts that Leeward made, and that hold nothing any more",
  },
  { call: `GET ${COMPUTE_AT}/operations/{operation}`, roles: inventory, why: "polls a long-running call" },
  {
    call: `GET ${COMPUTE_AT}/diskOperations/{operation}`,
    roles: inventory,
    why: "polls a long-running call on a disk",
  },
  { call: `GET ${NETWORK_AT}/operations/{operation}`, roles: inventory, why: "polls a long-running call" },
  {
    call: `GET ${STORAGE_AT}/asyncoperations/{operation}`,
    roles: inventory,
    why: "polls the making of an account",
    action: "Microsoft.Storage/operations/read",
  },
  { call: `GET ${NETWORK_AT}/operationResults/{operation}`, roles: inventory, why: "polls a deletion" },
  ...PLACEMENT_CALLS,
];

/** The row that a call falls under. */
export const declaredCall = (method: string, path: string): DeclaredCall | undefined =>
  CALLS.find(({ call }) => patternOf(call).test(`${method} ${path}`));

/** The actions that Azure checks, the call's own first, as role definitions spell them. */
export const actionsOf = ({ call, action, also = [] }: DeclaredCall): string[] => [
  action ?? actionOf(call),
  ...also,
];

function actionOf(call: string): string {
  const [method = "", path = ""] = call.split(" ");
  const segments = path.split("/").slice(1);
  const at = segments.lastIndexOf("providers");
  const owned = at >= 0 && segments.length > at + 2;
  const namespace = owned ? segments[at + 1] : "Microsoft.Resources";
  const types = (owned ? segments.slice(at + 2) : segments).filter((_, index) => index % 2 === 0);
  return [namespace, ...types, VERBS[method] ?? "action"].join("/");
}

const VERBS: Readonly<Record<string, string>> = {
  GET: "read",
  PUT: "write",
  PATCH: "write",
  DELETE: "delete",
};

/** ARM's paths are compared without regard to case. */
function patternOf(call: string): RegExp {
  const known = patterns.get(call) ?? new RegExp(`^${call.replaceAll(/\{\w+\}/g, "[^/]+")}$`, "i");
  patterns.set(call, known);
  return known;
}
const patterns = new Map<string, RegExp>();
