import { createHash } from "node:crypto";
import { z } from "zod";
import { checked } from "../core/schema.ts";
import { LeewardError } from "../core/errors.ts";
import {
  type ArmId,
  type MachineId,
  armId,
  barrierId,
  groupId,
  machineId,
  operationId,
  sameArmId,
} from "../core/ids.ts";
import { type Generation, bytes, diskIndex, generation, micros, sequence } from "../core/units.ts";
import { announcement } from "./announce.ts";
import { buildWish } from "./build-wish.ts";
import { dismissed } from "./dismissed.ts";
import { drillVerdict } from "./drill-verdict.ts";
import { resyncRequest } from "./resync-request.ts";
import { sourceNic } from "./source-nic.ts";
import { targetBuild } from "./target-build.ts";
import { passedOver } from "./passed-over.ts";
import { recoveryPolicy } from "./policy.ts";
import { protectionRequest } from "./protection-request.ts";
import { journalPosition } from "../journal/position.ts";
import { wantedMoment } from "./wanted-moment.ts";
import { former, reversal } from "./reversal-record.ts";
import { shutDown } from "./shut-down-wish.ts";
import { ITEM_STATES, type ItemEvent, STATES, nextState } from "./state.ts";
import { formerTest, testReport } from "./test-report.ts";
import { stepFailure } from "./step-failure.ts";

const arm = z.string().transform(checked(armId));
const size = z.number().transform(checked(bytes));
const time = z.number().transform(checked(micros));
/** The endpoint is known once the account exists. */
const account = z.object({ id: arm, blobEndpoint: z.string().optional() });

const sourceDisk = z.object({
  index: z.number().transform(checked(diskIndex)),
  id: arm,
  name: z.string(),
  size,
  /** Smaller ones that it had before it grew, each up to where it ended; ascending. */
  former: z.array(z.object({ size, before: z.number().transform(checked(generation)) })).optional(),
  /** The first generation that it is in; absent for one that was there from the beginning. */
  since: z.number().transform(checked(generation)).optional(),
  sku: z.string(),
  caching: z.enum(["None", "ReadOnly", "ReadWrite"]),
  /** Absent for the OS disk, which alone has `osType`. */
  lun: z.number().int().optional(),
  osType: z.enum(["Linux", "Windows"]).optional(),
  hyperVGeneration: z.string().optional(),
  /** `TrustedLaunch`: the machine starts only from disks that are marked so. */
  securityType: z.string().optional(),
  /** `x64` or `Arm64`. */
  architecture: z.string().optional(),
  /** Controllers that it can be on, as in `SCSI, NVMe`; of OS disks. */
  controllers: z.string().optional(),
  /** By which the customer's key encrypts it. */
  encryptionSet: arm.optional(),
  /** Of the marketplace image that it was made of. */
  purchasePlan: z.record(z.string(), z.unknown()).optional(),
});
export type SourceDisk = z.infer<typeof sourceDisk>;

/** Points of generations before `until` have it. */
const formerDisk = sourceDisk.extend({ until: z.number().transform(checked(generation)) });

/** Everything about the source VM that a failover needs, copied while its region is there to ask. */
const sourceMachine = z.object({
  region: z.string(),
  vmSize: z.string(),
  /** That it is pinned to. */
  zone: z.string().optional(),
  tags: z.record(z.string(), z.string()),
  /** Object id of the VM's identity: the one whose tokens the agent may use. */
  principal: z.string(),
  /** Of the marketplace. */
  plan: z.record(z.string(), z.unknown()).optional(),
  /** Azure Hybrid Benefit: without it the copy costs more. */
  licenseType: z.string().optional(),
  securityProfile: z.record(z.string(), z.unknown()).optional(),
  /** What the size is like: the target region may not know it when it comes to that. */
  shape: z.object({ cores: z.number(), memory: z.number(), family: z.string().optional() }).optional(),
  /** `SCSI` or `NVMe`. */
  diskController: z.string().optional(),
  ultraDisks: z.boolean().optional(),
  /** User-assigned identities: they are no region's. */
  identities: z.array(arm).optional(),
  /** The VM agent of Azure answered. */
  guestAgent: z.boolean().optional(),
  availabilitySet: z
    .object({
      /** Older records lack it. */
      id: arm.optional(),
      name: z.string(),
      faultDomains: z.number().int(),
      updateDomains: z.number().int(),
    })
    .optional(),
  network: z.object({
    name: z.string(),
    addressPrefixes: z.array(z.string()),
    subnets: z.array(z.object({ name: z.string(), addressPrefix: z.string() })),
  }),
  nics: z.array(sourceNic),
  /** In index order. An index is never given to another disk. */
  disks: z.array(sourceDisk),
  /** Disks that were taken out of the protection. */
  removed: z.array(formerDisk).optional(),
});
export type SourceMachine = z.infer<typeof sourceMachine>;

/** What a network interface of the copy is connected to. */
const targetNic = z.object({
  /** Of the source's interface that it stands for. */
  name: z.string(),
  subnet: arm,
  networkSecurityGroup: arm.optional(),
  applicationSecurityGroups: z.array(arm).optional(),
  /** That the user wants in place of the source's. */
  address: z.string().optional(),
  /** In place of the source's. */
  recoveryName: z.string().optional(),
  /** In place of what the source has. */
  acceleratedNetworking: z.boolean().optional(),
});
export type TargetNic = z.infer<typeof targetNic>;

/** Where the target is, or will be, built. */
const targetMachine = z.object({
  /** It is built for a test, beside the target: under names and with tags of its own. Never in a record. */
  purpose: z.literal("test").optional(),
  region: z.string(),
  resourceGroup: arm,
  /** Of the primary NIC. */
  network: arm,
  /** Of the primary NIC when the user named one; otherwise every NIC keeps its subnet's name. */
  subnet: z.string().optional(),
  /** In the source's order. Older records lack it: all are in `network`, and have no security group. */
  nics: z.array(targetNic).optional(),
  availabilitySet: arm.optional(),
  /** Never together with an availability set. */
  zone: z.string().optional(),
  proximityPlacementGroup: arm.optional(),
  capacityReservationGroup: arm.optional(),
  scaleSet: arm.optional(),
  /** Of the account that boot diagnostics are kept in; Azure's own when absent. */
  bootDiagnosticsUri: z.string().optional(),
  /** Older records lack it: it is the request's. */
  bootDiagnosticsAccount: arm.optional(),
  /** In place of the source's. */
  size: z.string().optional(),
  /** What is to be other than at the source, of some disks. */
  disks: z
    .array(
      z.object({
        index: z.number().transform(checked(diskIndex)),
        sku: z.string().optional(),
        encryptionSet: arm.optional(),
      }),
    )
    .optional(),
  vm: arm,
  cache: account,
  replica: account.optional(),
});
export type TargetMachine = z.infer<typeof targetMachine>;

export const stepReport = z.object({
  name: z.string(),
  state: z.enum(["InProgress", "Succeeded", "Failed"]),
  startTime: z.string(),
  endTime: z.string().optional(),
});

const loss = z.object({ seconds: z.number(), writes: z.number(), bytes: size });
export const losses = z.object({ vm: loss, region: loss });

/** How a failover goes, from the choice of its point to its end. */
const failoverReport = z.object({
  operation: z.string().transform(checked(operationId)),
  point: z.string().transform(checked(barrierId)),
  pointTime: time,
  consistency: z.enum(["crash", "application"]),
  /** How each disk is built: imported from the replica, or rebuilt from the journal. */
  road: z.enum(["import", "upload"]),
  startTime: time,
  endTime: time.optional(),
  /** Of the point: its disks are those of that generation. Absent in older records. */
  generation: z.number().transform(checked(generation)).optional(),
  /** From the request to the running target VM. */
  rtoSeconds: z.number().optional(),
  announced: announcement,
  /** Set when `point` is no recovery point but stands for the state after any write; `pointTime` is then that write's. */
  moment: z
    .object({
      generation: z.number().transform(checked(generation)),
      sequence: z.number().transform(checked(sequence)),
      position: journalPosition,
    })
    .optional(),
  /** Both, as they stood when the failover chose: what was captured and not cached, and what had not arrived. */
  losses: losses.optional(),
  /** Newer points whose manifests could not be read. */
  passedOver: passedOver.optional(),
  /** Points of earlier tries of the same failover, whose disks may be there. */
  tried: z.array(z.string().transform(checked(barrierId))).optional(),
  ...targetBuild.shape,
  steps: z.array(stepReport),
});
export type FailoverReport = z.infer<typeof failoverReport>;

/** How its protection is taken away. */
const removal = z.object({
  /** It goes on without what does not answer, and says what it left there. */
  purge: z.boolean(),
  /** Journal, points and key stay in the target account. */
  keepPoints: z.boolean(),
  /** The state that it was in. */
  from: z.enum(ITEM_STATES),
  /** The job that was at work when it was asked for: it ends before anything is deleted. */
  after: z.string().transform(checked(operationId)).optional(),
});
export type Removal = z.infer<typeof removal>;

/** One protected machine. Kind `item`; changed only by ETag compare-and-swap: it is the authority on who may write. */
export const itemRecord = z.object({
  format: z.literal(1),
  id: arm,
  machine: z.string().transform(checked(machineId)),
  vmId: arm,
  policyId: z.string().optional(),
  recoveryContainerId: z.string().optional(),
  state: z.enum(ITEM_STATES),
  /** The newest generation that was issued; a journal of an older one is fenced. */
  generation: z.number().transform(checked(generation)),
  /** The same number when it ended a generation and was given to no agent yet: the next one to register takes it. */
  unissued: z.number().transform(checked(generation)).optional(),
  policy: recoveryPolicy,
  /** What of it was asked for with the item itself: it stands over what the vault's policy says. Absent in older records. */
  ownPolicy: z.record(z.string(), z.unknown()).optional(),
  /** The newest resync that was asked for: it ended the generation before the present one. */
  resync: resyncRequest.optional(),
  request: protectionRequest,
  source: sourceMachine.optional(),
  target: targetMachine.optional(),
  /** The group that it belongs to; the group's record has it among its members. */
  group: z.string().transform(checked(groupId)).optional(),
  /** The newest job. */
  job: z.object({
    operation: z.string().transform(checked(operationId)),
    kind: z.enum([
      "enable",
      "failover",
      "changePoint",
      "commit",
      "cancelFailover",
      "disable",
      "upgradeAgent",
      "reverse",
    ]),
    startTime: time,
    /** What a failover asked for. */
    point: z.string().transform(checked(barrierId)).optional(),
    moment: wantedMoment.optional(),
    shutDown: shutDown.optional(),
    ...buildWish.shape,
    /** Of a reversal: what the machine will have otherwise than before, in words. */
    changes: z.array(z.string()).optional(),
    /** Its outcome is in this record. */
    ended: z.boolean(),
  }),
  failover: failoverReport.optional(),
  /** The test failover that exists, if any, and the last one that succeeded. */
  test: testReport.optional(),
  formerTest: formerTest.optional(),
  /** What its drills came to, newest first. */
  drills: z.array(drillVerdict).optional(),
  /** While it is `Reversed`, and `Reversing` on the other side. */
  reversal: reversal.optional(),
  former: former.optional(),
  /** While it is `Disabling` or `DisableFailed`. */
  removal: removal.optional(),
  dismissed: dismissed.optional(),
  /** Why the newest job failed, if so. */
  failure: stepFailure.optional(),
});
export type ItemRecord = z.infer<typeof itemRecord>;

/**
 * Item records are found by eight hex digits of their ARM id's SHA-256, in which a machine id ends as well, so that
 * either leads to the record. Compare the id found: digits may collide.
 */
export const itemKey = (id: ArmId): string =>
  createHash("sha256").update(id.toLowerCase()).digest("hex").slice(0, 8);

export const itemKeyOf = (machine: MachineId): string => machine.slice(-8);

/**
 * The VM's name as far as an id may hold it, six digits of the enablement, and the item's key. Readable, and another one each
 * time the item is enabled anew: whatever of an earlier protection wakes up late writes under names that nobody reads.
 */
export function machineIdFor(id: ArmId, vmId: ArmId, enablement: string): MachineId {
  const slug = lastSegment(vmId)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 40);
  const life = createHash("sha256").update(enablement).digest("hex").slice(0, 6);
  return machineId(`${slug ? `${slug}-` : ""}${life}-${itemKey(id)}`);
}

export const lastSegment = (id: string): string => id.slice(id.lastIndexOf("/") + 1);

/** The vault that an item's, job's or other nested id lies in. */
export function vaultOf(id: ArmId): ArmId {
  const found = /^(.*\/vaults\/[^/]+)/i.exec(id);
  if (!found?.[1]) throw new LeewardError("InvalidRequest", `${id} lies in no vault`);
  return armId(found[1]);
}

export const inVault = (item: ItemRecord, vault: string): boolean => sameArmId(vaultOf(item.id), vault);

/** @throws StateNotAllowed naming the state when the event is not legal in it. */
export function move(item: ItemRecord, event: ItemEvent): ItemRecord {
  const state = nextState(item.state, event);
  if (!state)
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(item.id)} is ${item.state}: ${event} is not possible`,
    );
  return { ...item, state };
}

/** It runs where a failover built it. */
export const isOver = ({ state, removal: leaving }: ItemRecord): boolean =>
  STATES[state].over || (leaving !== undefined && STATES[leaving.from].over);

/**
 * What does not answer in its source region is left behind, and holds up nothing: because that was asked for, or because a
 * failover is mostly there since nothing answers on the other side.
 */
export const isLenient = (item: ItemRecord): boolean => item.removal?.purge === true || isOver(item);

/** @throws Unexpected when enablement has not come that far. */
export function sourceOf(item: ItemRecord): SourceMachine {
  if (!item.source) throw new LeewardError("Unexpected", `${item.id}: its source was not read yet`);
  return item.source;
}

/** Every disk that a point may have, those that were taken out too, in index order. @throws as `sourceOf` */
export function everyDisk(item: ItemRecord): (SourceDisk & { readonly until?: Generation })[] {
  const { disks, removed = [] } = sourceOf(item);
  return [...disks, ...removed].toSorted((a, b) => a.index - b.index);
}

/** @throws Unexpected when the account was not made yet. */
export function endpointOf(account: {
  readonly id: ArmId;
  readonly blobEndpoint?: string | undefined;
}): string {
  if (!account.blobEndpoint)
    throw new LeewardError("Unexpected", `${account.id}: its endpoint is not known yet`);
  return account.blobEndpoint;
}

/** @throws Unexpected when enablement has not come that far. */
export function targetOf(item: ItemRecord): TargetMachine {
  if (!item.target) throw new LeewardError("Unexpected", `${item.id}: its target was not planned yet`);
  return item.target;
}
