import { forgetCapture } from "../engine/capture/capture-state.ts";
import { LeewardError, messageOf } from "../engine/core/errors.ts";
import { groupOf } from "../engine/core/ids.ts";
import { mapInOrder } from "../engine/core/in-order.ts";
import { type ItemRecord, itemKeyOf } from "../engine/recovery/item.ts";
import { type LeftImages, leftImagesDue } from "../engine/recovery/left-images.ts";
import { STATES } from "../engine/recovery/state.ts";
import { sweepImages } from "./activities/image-sweep.ts";
import type { Services } from "./services.ts";

type Sweeping = Pick<Services, "arm" | "clock" | "records">;

/** A region that is lost holds up each of them for a minute or two, and nothing else. */
const AT_ONCE = 4;

/**
 * Everything of the machine's images goes, in the source region and here. Where the region does not answer it is written
 * down, and tried again for as long as it takes, also when nobody knows of the item any more. May run twice.
 * @returns why there are images still; undefined when there are none
 */
export async function dropImages(
  found: Sweeping & Pick<Services, "target">,
  { machine, vmId }: Pick<ItemRecord, "machine" | "vmId">,
): Promise<string | undefined> {
  await forgetCapture(found.target, machine);
  const now = found.clock.now();
  return tried(found, { format: 1, machine, group: groupOf(vmId), since: now, triedAt: now, why: "" });
}

/** Tries again what is due. */
export async function tendLeftImages(found: Sweeping): Promise<void> {
  for await (const _ of mapInOrder(due(found), AT_ONCE, (left) => tried(found, left)));
}

async function* due({ records, clock }: Sweeping): AsyncGenerator<LeftImages> {
  for await (const left of records.leftImages.list()) if (leftImagesDue(clock.now(), left)) yield left;
}

async function tried(found: Sweeping, left: LeftImages): Promise<string | undefined> {
  const { records, clock } = found;
  const { machine } = left;
  try {
    // It is captured again: its images are in use.
    const item = (await records.items.get(itemKeyOf(machine)))?.value;
    if (item?.machine !== machine || !STATES[item.state].replicating) await sweepImages(found, left);
    await records.leftImages.delete(machine);
    return undefined;
  } catch (error) {
    if (!(error instanceof LeewardError)) throw error;
    const why = messageOf(error);
    const triedAt = clock.now();
    await records.leftImages.upsert(machine, (old = left) => ({ ...old, triedAt, why }));
    return why;
  }
}
