import { itemKeyOf } from "../../engine/recovery/item.ts";
import { recordsIn } from "../../engine/recovery/records.ts";
import { type Machine, principalOf } from "./machine.ts";
import type { World } from "./world.ts";

/**
 * The machine that a failover built is protected in its turn, under the same id: by another identity, in a journal of its
 * own generation. The former one is left alone, and may wake up.
 */
export async function reprotect(world: World, machine: Machine): Promise<void> {
  const { failover } = machine;
  if (!failover?.built) return;
  failover.over = true;
  const nth = ++machine.failovers;
  await recordsIn(world.stores.records).items.update(itemKeyOf(machine.id), (old) => {
    const { failover: _, source, ...rest } = old;
    return {
      ...rest,
      ...(source && { source: { ...source, principal: principalOf(machine.id, nth) } }),
      state: "Protected",
      job: { ...old.job, ended: true },
    };
  });
  machine.former.push(machine.guest);
  machine.guest = world.guest(machine.id, machine.truth, nth, failover.built.disks);
  machine.failover = undefined;
  world.note(`${machine.id} is protected again`);
  world.tally.note("event: protected again");
}
