import type { ArmOperation } from "../../engine/azure/operation.ts";
import { remove } from "../../engine/azure/resource.ts";
import { findOwned, ownerOf, release } from "../../engine/azure/tagged-resource.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type OperationId, armId, sameArmId } from "../../engine/core/ids.ts";
import { millis } from "../../engine/core/units.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import {
  type DeletedThing,
  tryingAgain,
  wasRefused,
  withDeleted,
  withLeft,
  withoutLeft,
} from "../../engine/recovery/removed.ts";
import type { Leaving, OutputOf } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { closeImage } from "./image-sweep.ts";
import { noteRemoved } from "./note-removed.ts";
import { type Ours, isLeft, ourResources, whyItsUsers } from "./our-resources.ts";
import { removeShared } from "./remove-shared.ts";
import { itemOf } from "./tools.ts";

/** What has to be gone before the next can go: each use of a thing before the thing. */
const STAGES: readonly (readonly string[])[] = [
  [
    "microsoft.compute/virtualmachines",
    "microsoft.compute/virtualmachines/extensions",
    "microsoft.compute/virtualmachines/runcommands",
  ],
  ["microsoft.network/networkinterfaces", "microsoft.compute/disks", "microsoft.compute/snapshots"],
  [
    "microsoft.storage/storageaccounts",
    "microsoft.compute/availabilitysets",
    "microsoft.network/virtualnetworks",
  ],
  ["microsoft.network/networksecuritygroups"],
  ["microsoft.network/applicationsecuritygroups"],
  ["microsoft.resources/resourcegroups"],
];

/** So many deletions are under way at the same time: their operations stand in the history. */
const AT_ONCE = 16;

/** What became of one. */
export type Fate =
  | { readonly operation?: ArmOperation | undefined; readonly deleted: true }
  | { readonly operation?: ArmOperation | undefined; readonly why: string; readonly refused?: true };

/** Everything of one stage, up to a bounded number. Found by its tags, whoever made it and whenever. */
export async function removeResources(
  services: Services,
  { machine, operation }: Leaving,
): Promise<OutputOf<"removeResources">> {
  const item = await itemOf(services, machine);
  const ours = await stillThere(services, item, operation);
  const stage = STAGES.find((types) => ours.some(({ type }) => types.includes(type.toLowerCase())));
  const now = ours.filter(({ type }) => !stage || stage.includes(type.toLowerCase())).slice(0, AT_ONCE);
  const operations = [];
  for (const one of now) {
    const sent = await removeOne(services, item, operation, one);
    if (sent) operations.push(sent);
  }
  return { operations, more: now.length > 0 || (await looksAgain(services, item, operation)) };
}

/** Waits for what passes by itself: an interface that Azure reserves for a machine that could not be made, a use that it has not seen end. */
const AGAIN = [30_000, 60_000, 180_000].map(millis);

/**
 * Once nothing else is left to do, what Azure refused is tried again a few times, and so is what stayed since that was in it: behind
 * the job nobody looks for it any more. Returns whether there is more to do.
 */
async function looksAgain(services: Services, item: ItemRecord, operation: OperationId): Promise<boolean> {
  const removed = (await services.records.jobs.get(operation))?.value.removed;
  const wait = AGAIN[removed?.again ?? 0];
  if (!removed || wait === undefined || !wasRefused(removed)) return false;
  await services.clock.sleep(wait);
  const names = (await ourResources(services, item)).ours.map(({ id }) => id);
  const gone: DeletedThing[] = [];
  for (const { type, name, refused } of removed.left)
    if (refused && !names.some((id) => sameArmId(id, armId(name))) && (await isGone(services, name)))
      gone.push({ type, name });
  const settled = [...names, ...gone.map(({ name }) => name)];
  await noteRemoved(services, operation, (old = removed) => withDeleted(tryingAgain(old, settled), gone));
  return true;
}

/** Of an operation that Azure knows nothing of any more nobody learns that it succeeded. */
async function isGone({ arm }: Pick<Services, "arm">, name: string): Promise<boolean> {
  try {
    return (await arm.find(armId(name))) === undefined;
  } catch (error) {
    if (hasCode(error, "ArmUnavailable") || hasCode(error, "ArmFailed")) return false;
    throw error;
  }
}

/** Without what was left already. What does not answer is left where that was asked for, or where its region may be gone. */
async function stillThere(
  services: Services,
  item: ItemRecord,
  operation: OperationId,
): Promise<readonly Ours[]> {
  const job = (await services.records.jobs.get(operation))?.value;
  const left = new Set(job?.removed?.left.map(({ name }) => name.toLowerCase()));
  const { ours, silent, refused } = await ourResources(services, item, (id) => left.has(id.toLowerCase()));
  const needed = silent.find(({ name }) => !isLeft(item, armId(name)));
  if (needed) throw new LeewardError("ArmUnavailable", needed.why);
  // Of a region that was given up nobody waits whether it answers after all.
  const again = item.removal?.purge !== true && { refused: true as const };
  const unread = [...silent.map((one) => ({ ...one, ...again })), ...refused];
  if (unread.length > 0) await noteRemoved(services, operation, (old) => withLeft(old, ...unread));
  return ours;
}

/** The list says what is about to be deleted before it is, so that nothing is missing on it. */
async function removeOne(
  services: Services,
  item: ItemRecord,
  operation: OperationId,
  one: Ours,
): Promise<ArmOperation | undefined> {
  const thing = { type: one.type, name: one.id };
  const deleting = () => noteRemoved(services, operation, (old) => withDeleted(old, [thing]));
  try {
    const fate = await fateOf(services, item, { ...one, operation, deleting });
    if ("why" in fate)
      await noteRemoved(services, operation, (old) =>
        withLeft(old, { ...thing, why: fate.why, ...(fate.refused && { refused: true }) }),
      );
    return fate.operation;
  } catch (error) {
    if (
      !(error instanceof LeewardError) ||
      !(hasCode(error, "ArmFailed") || hasCode(error, "ForeignResource"))
    )
      throw error;
    const refused = hasCode(error, "ArmFailed") && { refused: true as const };
    await noteRemoved(services, operation, (old) =>
      withLeft(old, { ...thing, why: error.message, ...refused }),
    );
    return undefined;
  }
}

export interface Dooming extends Ours {
  readonly operation: OperationId;
  /** To be called before it is deleted. */
  readonly deleting: () => Promise<void>;
}

async function fateOf(services: Services, item: ItemRecord, one: Dooming): Promise<Fate> {
  if (one.owner.machine === "shared") return removeShared(services, item, one);
  const { arm } = services;
  const why = whyItsUsers(item, one);
  if (why !== undefined) {
    // Said first, since nothing tells that it was ours once it is released; as refused, so that it is looked at again if this dies.
    const pending = { type: one.type, name: one.id, why, refused: true } as const;
    await noteRemoved(services, one.operation, (old) => withLeft(old, pending));
    try {
      const { operation } = await release(arm, one.id, one.found);
      return { operation, why };
    } catch (error) {
      const released = await isReleased(arm, one);
      if (released) return { why };
      if (released === false) await noteRemoved(services, one.operation, (old) => withoutLeft(old, one.id));
      throw error;
    }
  }
  await one.deleting();
  // One that is open cannot be deleted.
  if (one.type.toLowerCase() === "microsoft.compute/snapshots") await closeImage(services, one.id);
  const { operation } = await remove(arm, one.id, { machine: item.machine, role: one.owner.role });
  return { operation, deleted: true };
}

/** Behind a reply that was lost it may be; undefined while that cannot be seen, and then it stays on the list. */
async function isReleased(arm: Services["arm"], { id, owner }: Ours): Promise<boolean | undefined> {
  try {
    const found = await findOwned(arm, id);
    return found === undefined || ownerOf(found)?.machine !== owner.machine;
  } catch (error) {
    if (hasCode(error, "ArmUnavailable")) return undefined;
    throw error;
  }
}
