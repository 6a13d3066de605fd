import { closeDisk } from "../../engine/azure/disk.ts";
import { remove } from "../../engine/azure/resource.ts";
import { findSnapshot, listSnapshots } from "../../engine/azure/snapshot.ts";
import { type ArmId, type MachineId, sameArmId } from "../../engine/core/ids.ts";
import type { Services } from "../services.ts";

type Azure = Pick<Services, "arm" | "clock">;

/** By their tags Leeward's own are told from others. */
export const imageOwner = (machine: MachineId) => ({ machine, role: "capture" });

/** Deletes every image of the machine's disks but these, and whoever has one open loses it. May run twice. @throws ArmUnavailable, ArmFailed */
export const sweepImages = (
  azure: Azure,
  { machine, group }: { readonly machine: MachineId; readonly group: ArmId },
  needed: readonly ArmId[] = [],
): Promise<void> => sweepSnapshots(azure, group, imageOwner(machine), needed);

/** The same of an owner's snapshots in a group. */
export async function sweepSnapshots(
  azure: Azure,
  group: ArmId,
  owner: ReturnType<typeof imageOwner>,
  needed: readonly ArmId[] = [],
): Promise<void> {
  for (const id of await listSnapshots(azure.arm, group, owner)) {
    if (needed.some((one) => sameArmId(one, id))) continue;
    await closeImage(azure, id);
    await settled(azure, await remove(azure.arm, id, owner));
  }
}

/** Whatever URL there is of it is of no use any more. Nothing happens when it is gone. */
export async function closeImage(azure: Azure, id: ArmId): Promise<void> {
  if (await findSnapshot(azure.arm, id)) await settled(azure, await closeDisk(azure.arm, id));
}

async function settled(
  { arm, clock }: Azure,
  { operation: begun }: Awaited<ReturnType<typeof closeDisk>>,
): Promise<void> {
  for (let operation = begun; operation;) {
    await clock.sleep(operation.retryAfter);
    const polled = await arm.poll(operation);
    operation = polled.done ? undefined : polled.operation;
  }
}
