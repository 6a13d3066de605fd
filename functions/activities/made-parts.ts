import type { ArmClient } from "../../engine/azure/arm.ts";
import { assertOwned, remove } from "../../engine/azure/resource.ts";
import { LeewardError, hasCode, messageOf } from "../../engine/core/errors.ts";
import { resourceTypeOf } from "../../engine/core/ids.ts";
import { diskIndex } from "../../engine/core/units.ts";
import { type ItemRecord, endpointOf, targetOf } from "../../engine/recovery/item.ts";
import { type Removed, withDeleted, withLeft } from "../../engine/recovery/removed.ts";
import type { MadePart } from "../../engine/recovery/test-parts.ts";
import type { ArmSent } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { abandonUpload } from "./disks.ts";
import { sent } from "./target.ts";

/**
 * What of it there is to delete, and the list with it on, and with what is left since it is not ours. The list is to be written
 * down before anything is deleted: whoever dies behind it leaves all that he may have deleted.
 */
export async function lookFor<Made extends MadePart>(
  services: Services,
  item: ItemRecord,
  wanted: readonly Made[],
  listed: Removed | undefined,
): Promise<{ readonly parts: Made["part"][]; readonly removed: Removed | undefined }> {
  const parts: Made["part"][] = [];
  let removed = listed;
  for (const made of wanted) {
    const there = await stateOf(services, item, made);
    const thing = { type: made.role === undefined ? "objects" : resourceTypeOf(made.id), name: made.id };
    if (there === "gone") continue;
    if (there === "ours") {
      parts.push(made.part);
      removed = withDeleted(removed, [thing]);
    } else removed = withLeft(removed, { ...thing, ...there });
  }
  return { parts, removed };
}

/** Deletes one part, if it is there. May run twice. @throws ForeignResource for what is not ours */
export async function removeMade(
  services: Services,
  arm: ArmClient,
  item: ItemRecord,
  made: MadePart,
): Promise<ArmSent> {
  const { part, id, role } = made;
  if (role === undefined) return removeBlob(services, item, id);
  if (part.kind === "disk" && part.at !== undefined && (await arm.find(id)) !== undefined)
    await abandonUpload(services, item, { index: diskIndex(part.at), id });
  return sent(await passing(remove(arm, id, { machine: item.machine, role })));
}

/** Whether it is there and is ours; otherwise why it is none of ours. */
async function stateOf(
  services: Services,
  item: ItemRecord,
  { id, role }: MadePart,
): Promise<"ours" | "gone" | { readonly why: string }> {
  if (role === undefined) return (await holdsBlob(services, item, id)) ? "ours" : "gone";
  const found = await services.arm.find(id);
  if (found === undefined) return "gone";
  try {
    assertOwned(id, found, { machine: item.machine, role });
    return "ours";
  } catch (error) {
    if (!hasCode(error, "ForeignResource")) throw error;
    return { why: messageOf(error) };
  }
}

async function holdsBlob(services: Services, item: ItemRecord, name: string): Promise<boolean> {
  const { replica } = targetOf(item);
  if (!replica) return false;
  try {
    await services.pagesAt(endpointOf(replica)).ranges(name);
    return true;
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
    return false;
  }
}

async function removeBlob(services: Services, item: ItemRecord, name: string): Promise<ArmSent> {
  const { replica } = targetOf(item);
  if (replica) await services.pagesAt(endpointOf(replica)).delete(name);
  return {};
}

/** What passes by itself is tried again. */
async function passing<Value>(removing: Promise<Value>): Promise<Value> {
  try {
    return await removing;
  } catch (error) {
    throw isReserved(error) ? new LeewardError("ArmUnavailable", messageOf(error), error) : error;
  }
}

/** Behind a machine that could not be made Azure keeps its NICs for it, for some three minutes. */
const isReserved = (error: unknown): boolean =>
  hasCode(error, "ArmFailed") && messageOf(error).includes("NicReservedForAnotherVm");
