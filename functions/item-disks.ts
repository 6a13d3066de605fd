import { findVirtualMachine } from "../engine/azure/virtual-machine.ts";
import { getDisk } from "../engine/azure/disk.ts";
import { type AddedDisk, addDisksRequest, removeDisksRequest } from "../engine/contract/item-disks.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../engine/core/ids.ts";
import { diskIndex } from "../engine/core/units.ts";
import { judgeDisk } from "../engine/eligibility/judge-machine.ts";
import { nextIndex, withAdded, withRemoved } from "../engine/recovery/disk-set.ts";
import { isError } from "../engine/recovery/findings.ts";
import {
  type ItemRecord,
  type SourceDisk,
  itemKeyOf,
  lastSegment,
  targetOf,
} from "../engine/recovery/item.ts";
import { wakeCapture } from "./durable.ts";
import { wantedBy } from "./etag.ts";
import { findItem } from "./find-item.ts";
import { type DurableCall, bodyOf, durableRoute } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";
import { askedIn } from "./protected-items.ts";
import type { Services } from "./services.ts";
import { type AttachedDisk, attachedTo, sourceDisk, unsuitable } from "./source-disk.ts";
import { configure } from "./vault/configure.ts";

const posted = { method: "POST", role: "Operator", versioned: true } as const;

/** ASR's answer: 202 and a job. That has ended once the next generation has the disks; how it is copied is the item's progress. */
durableRoute("addDisks", { ...posted, path: `${PATHS.item}/addDisks` }, async (call) => {
  const { vmManagedDisks } = (await bodyOf(call.request, addDisksRequest)).properties.providerSpecificDetails;
  return changeSet(call, "addDisks", async (item, asked) => {
    const added = await addable(call.services, item, vmManagedDisks);
    const kinds = vmManagedDisks.flatMap((wish, n) => kindOf(wish, added[n]));
    return (old) => {
      const next = withAdded(old, added, asked);
      const target = targetOf(next);
      return { ...next, target: { ...target, disks: [...(target.disks ?? []), ...kinds] } };
    };
  });
});

durableRoute("removeDisks", { ...posted, path: `${PATHS.item}/removeDisks` }, async (call) => {
  const { vmManagedDisksIds } = (await bodyOf(call.request, removeDisksRequest)).properties
    .providerSpecificDetails;
  return changeSet(call, "removeDisks", async (item, asked) => {
    await checkChooses(call.services, item, []);
    return (old) => withRemoved(old, vmManagedDisksIds, asked);
  });
});

type Asked = ReturnType<typeof askedIn>;
type Change = (old: ItemRecord) => ItemRecord;

/**
 * One write, which ends the generation of the disks that were and names those of the next. The same request once more finds it done.
 * @param prepare looks at what the change depends on, and changes nothing
 * @throws NotFound, PreconditionFailed, StateNotAllowed, Conflict, what `prepare` throws: nothing changed
 */
async function changeSet(
  call: DurableCall,
  what: "addDisks" | "removeDisks",
  prepare: (item: ItemRecord, asked: { requestedAt: Asked["now"]; token?: string }) => Promise<Change>,
) {
  const { services, client, request } = call;
  const { now, token } = askedIn(call);
  const only = wantedBy(request);
  const { id } = await findItem(services, itemIn(request));
  return configure(call, id, what, async () => {
    const item = await findItem(services, id);
    if (token !== undefined && item.resync?.token === token) return;
    await checkIdle(services, item);
    const change = await prepare(item, { requestedAt: now, ...(token !== undefined && { token }) });
    const changed = await services.records.items.update(
      itemKeyOf(item.machine),
      (old) => {
        checkState(old);
        if (old.generation !== item.generation) throw underWay(old);
        return change(old);
      },
      only,
    );
    if (changed.policy.capture === "snapshots") await wakeCapture(client, changed.machine);
  });
}

function checkState({ id, state }: ItemRecord): void {
  if (state !== "Protected")
    throw new LeewardError(
      "StateNotAllowed",
      `${lastSegment(id)} is ${state}: its disks can be changed while it is Protected`,
    );
}

/** The next generation stands on a point of the present one, which has none yet while its comparison goes on. */
async function checkIdle({ records }: Services, item: ItemRecord): Promise<void> {
  checkState(item);
  const progress = (await records.progress.get(item.machine))?.value;
  const { resync } = progress ?? {};
  const isComparing = resync !== undefined && resync.endedAt === undefined;
  if (progress?.arrived.generation !== item.generation || isComparing) throw underWay(item);
}

const underWay = ({ id }: ItemRecord) =>
  new LeewardError("Conflict", `a resync of ${lastSegment(id)} is under way`);

/** What is known of the disks that are to be protected besides. @throws InvalidRequest, SourceUnsuitable, StateNotAllowed */
async function addable(
  services: Services,
  item: ItemRecord,
  wanted: readonly AddedDisk[],
): Promise<SourceDisk[]> {
  const vm = await findVirtualMachine(services.arm, item.vmId);
  if (!vm) throw unsuitable(`there is no virtual machine ${item.vmId}`);
  const attached = attachedTo(vm);
  const first = nextIndex(item);
  const added: SourceDisk[] = [];
  for (const [n, wish] of wanted.entries()) {
    checkPlace(item, wish, n);
    const { diskId } = wish;
    const isNamed = ({ id }: { readonly id: ArmId }) => sameArmId(id, diskId);
    if (item.source?.disks.some(isNamed))
      throw new LeewardError("InvalidRequest", `${lastSegment(diskId)} is one of its disks already`);
    if (added.some(isNamed))
      throw new LeewardError("InvalidRequest", `${lastSegment(diskId)} is named twice`);
    const found = attached.find(isNamed);
    if (!found)
      throw new LeewardError("InvalidRequest", `${diskId} is not attached to ${lastSegment(item.vmId)}`);
    await checkSuitable(services, found);
    added.push(await sourceDisk(services, found, diskIndex(first + n)));
  }
  await checkChooses(services, item, added);
  return added;
}

/** All disks of a machine have one cache account, and come up in one group. @throws InvalidRequest */
function checkPlace(item: ItemRecord, wish: AddedDisk, at: number): void {
  const wrong = (field: string, is: string) =>
    new LeewardError(
      "InvalidRequest",
      `properties.providerSpecificDetails.vmManagedDisks.${at}.${field}: the machine's is ${is}`,
    );
  const { primaryStagingAzureStorageAccountId: cache, recoveryResourceGroupId: group } = wish;
  if (cache && !sameArmId(cache, targetOf(item).cache.id))
    throw wrong("primaryStagingAzureStorageAccountId", targetOf(item).cache.id);
  if (group && !sameArmId(group, item.request.resourceGroup))
    throw wrong("recoveryResourceGroupId", item.request.resourceGroup);
}

async function checkSuitable({ arm }: Services, attached: AttachedDisk): Promise<void> {
  const disk = await getDisk(arm, attached.id);
  const surveyed = {
    disk,
    os: false,
    caching: attached.caching,
    accelerated: attached.writeAcceleratorEnabled === true,
  };
  const said = judgeDisk(surveyed)
    .filter(isError)
    .map(({ code, message }) => `${code}: ${message}`);
  if (said.length > 0) throw unsuitable(`${disk.name} cannot be protected: ${said.join("; ")}`);
}

/** A disk that nobody stands before is not captured: an agent must be there first. @throws StateNotAllowed */
async function checkChooses(
  { records }: Services,
  { id, machine, policy }: ItemRecord,
  added: readonly SourceDisk[],
): Promise<void> {
  if (policy.capture === "snapshots") return;
  const { serves, version } = (await records.agents.get(machine))?.value ?? {};
  const name = lastSegment(id);
  if (!serves)
    throw new LeewardError(
      "StateNotAllowed",
      `the agent of ${name} (${version ?? "none has registered"}) cannot leave out a disk that it serves: upgrade it first`,
    );
  const missing = added.find(
    ({ index, size }) => !serves.some((one) => one.index === index && one.size >= size),
  );
  if (missing)
    throw new LeewardError(
      "StateNotAllowed",
      `the agent of ${name} does not serve ${missing.name} yet: start it with that disk as number ${missing.index} (--disk, the first is 0), and let the machine write to it through the agent`,
    );
}

function kindOf(wish: AddedDisk, disk: SourceDisk | undefined) {
  const { recoveryTargetDiskAccountType: sku, recoveryDiskEncryptionSetId: encryptionSet } = wish;
  if (!disk || (!sku && !encryptionSet)) return [];
  return [{ index: disk.index, ...(sku && { sku }), ...(encryptionSet && { encryptionSet }) }];
}
