import { remove } from "../../engine/azure/resource.ts";
import { LeewardError, hasCode, messageOf } from "../../engine/core/errors.ts";
import { diskIndex } from "../../engine/core/units.ts";
import { disksRebuildName } from "../../engine/journal/names.ts";
import { type ItemRecord, endpointOf } from "../../engine/recovery/item.ts";
import { type MadePart, type TestPart, madePart } from "../../engine/recovery/test-parts.ts";
import { testOf, testTargetOf } from "../../engine/recovery/test-target.ts";
import type { ArmSent } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { abandonUpload } from "./disks.ts";
import { sent } from "./target.ts";

/** Deletes one part of the item's test, if it is there. May run twice. @throws ForeignResource for what is not ours */
export async function removePart(services: Services, item: ItemRecord, part: TestPart): Promise<ArmSent> {
  const made = madePart(item, part);
  if (!made) throw new LeewardError("NotFound", `the test of ${item.machine} has no ${part.kind}`);
  if (made.role === undefined) return removeBlob(services, item, made);
  const { arm } = services;
  if (part.kind === "disk" && (await arm.find(made.id)) !== undefined)
    await abandonUpload(services, item, { index: diskIndex(part.at ?? 0), id: made.id });
  return sent(await passing(remove(arm, made.id, { machine: item.machine, role: made.role })));
}

/** What passes by itself is tried again. */
export async function passing<Value>(removing: Promise<Value>): Promise<Value> {
  try {
    return await removing;
  } catch (error) {
    throw isReserved(error) ? new LeewardError("ArmUnavailable", messageOf(error), error) : error;
  }
}

/** Behind a machine that could not be made Azure keeps its NICs for it, for some three minutes. */
const isReserved = (error: unknown): boolean =>
  hasCode(error, "ArmFailed") && messageOf(error).includes("NicReservedForAnotherVm");

async function removeBlob(services: Services, item: ItemRecord, { id }: MadePart): Promise<ArmSent> {
  const { replica } = testTargetOf(item);
  if (replica) await services.pagesAt(endpointOf(replica)).delete(id);
  return {};
}

/** What is kept of an unfinished rebuild of the disks. */
export async function dropTestRebuild(services: Services, item: ItemRecord): Promise<void> {
  const { chosen } = testOf(item);
  if (chosen) await services.target.delete([disksRebuildName(item.machine, chosen.point, "test")]);
}
