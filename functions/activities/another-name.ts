import { hasCode } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import type { ArmSent } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";
import { settlePlan } from "./source.ts";
import { itemOf } from "./tools.ts";

/**
 * Somebody may have taken a name since it was planned, another enablement for a group of the same name perhaps: planned once
 * more, it is another one. @throws ForeignResource when it is not
 */
export async function underAnotherName(
  services: Services,
  machine: MachineId,
  make: (item: ItemRecord) => Promise<ArmSent>,
): Promise<ArmSent> {
  const item = await itemOf(services, machine);
  try {
    return await make(item);
  } catch (error) {
    if (!hasCode(error, "ForeignResource")) throw error;
    await settlePlan(services, item);
    return make(await itemOf(services, machine));
  }
}
