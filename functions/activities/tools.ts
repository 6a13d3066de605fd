import type { DurableClient } from "durable-functions";
import type { ArmClient } from "../../engine/azure/arm.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import type { MachineId } from "../../engine/core/ids.ts";
import { type ItemRecord, itemKeyOf } from "../../engine/recovery/item.ts";
import type { ProgressRecord } from "../../engine/recovery/progress.ts";
import { isLeaving } from "../../engine/recovery/state.ts";
import type { ActivityName, Copy, InputOf, OutputOf } from "../../orchestrations/contract.ts";
import type { Services } from "../services.ts";

/** What an activity reaches besides its input. */
interface Tools {
  readonly services: Services;
  readonly client: DurableClient;
}

/** Every activity of the contract, with its input and its output. */
export type Implementations = {
  readonly [Name in ActivityName]: (input: InputOf<Name>, tools: Tools) => Promise<OutputOf<Name>>;
};

/** @throws NotFound */
export async function itemOf(services: Pick<Services, "records">, machine: MachineId): Promise<ItemRecord> {
  const found = await services.records.items.get(itemKeyOf(machine));
  if (found?.value.machine !== machine)
    throw new LeewardError("NotFound", `there is no protected item of machine ${machine}`);
  return found.value;
}

/** A failover goes before everything else that asks Resource Manager; a test does not. */
export const armFor = ({ arm }: Pick<Services, "arm">, { test }: Pick<Copy, "test">): ArmClient =>
  test ? arm : arm.urgent;

/** As `itemOf`, for what nobody waits for once the protection is taken away. @throws NotFound, StateNotAllowed */
export async function stayingItem(
  services: Pick<Services, "records">,
  machine: MachineId,
): Promise<ItemRecord> {
  const item = await itemOf(services, machine);
  if (isLeaving(item.state)) throw new LeewardError("StateNotAllowed", `machine ${machine} is ${item.state}`);
  return item;
}

/** @throws NotFound before the agent registered for the first time. */
export async function progressOf(
  services: Pick<Services, "records">,
  machine: MachineId,
): Promise<ProgressRecord> {
  const found = await services.records.progress.get(machine);
  if (!found) throw new LeewardError("NotFound", `machine ${machine} has not begun to replicate`);
  return found.value;
}
