import { deallocateVirtualMachine, findVirtualMachine, isOff } from "../../engine/azure/virtual-machine.ts";
import { bytes } from "../../engine/core/units.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import type { OperationId } from "../../engine/core/ids.ts";
import { type ItemRecord, sourceOf } from "../../engine/recovery/item.ts";
import { seedTurn } from "../reversal.ts";
import type { Services } from "../services.ts";
import { closeFormerDisks, formerDisks } from "./former-disks.ts";
import { checkNotRemoved } from "./shared-use.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const reverseActivities = {
  async prepareReversal({ machine }, { services }) {
    const { records, settings } = services;
    const item = await itemOf(services, machine);
    await checkNotRemoved(services, item);
    // What was heard of the agent that the machine had when it was protected from there before says nothing of this one.
    if (item.state === "Reversing")
      for (const known of [records.agents, records.barriers]) await known.delete(machine);
    const { capture, replica } = item.policy;
    return {
      capture,
      warm: replica === "warm",
      ...(settings.rolesFor !== undefined && { roles: true }),
    };
  },

  async stopFormer({ machine }, { services }) {
    const item = await itemOf(services, machine);
    if (item.state !== "Reversing") return {};
    const { vmId } = formerOf(item);
    const found = await findVirtualMachine(services.arm, vmId);
    if (!found || isOff(found)) return {};
    return sent(await deallocateVirtualMachine(services.arm, vmId));
  },

  async seedFormer({ machine, operation }, { services }) {
    const item = await itemOf(services, machine);
    const total = bytes(sourceOf(item).disks.reduce((sum, { size }) => sum + size, 0));
    if (item.state !== "Reversing") return { state: "ended", compared: bytes(0), total };
    const former = formerOf(item);
    const found = await formerDisks(services, item, former);
    if (typeof found === "number") return { state: "more", compared: bytes(0), total, wait: found };
    const { disks, whole } = found;
    await noteWhole(services, operation, whole);
    const { state, compared } = await seedTurn(services, machine, disks);
    return { state, compared: bytes(compared), total };
  },

  async closeFormer({ machine }, { services }) {
    const item = await itemOf(services, machine);
    if (item.former) await closeFormerDisks(services, item, item.former);
    return null;
  },
} satisfies Partial<Implementations>;

function formerOf({ former, machine }: ItemRecord): NonNullable<ItemRecord["former"]> {
  if (former) return former;
  throw new LeewardError("Unexpected", `machine ${machine} was taken over without its former disks`);
}

/** What is no base is copied whole: whoever pays for that should know. */
async function noteWhole(services: Services, operation: OperationId, said: readonly string[]): Promise<void> {
  if (said.length === 0) return;
  await services.records.jobs.update(operation, (old) => {
    const known = old.changes ?? [];
    const more = said.filter((one) => !known.includes(one));
    return more.length === 0 ? old : { ...old, changes: [...known, ...more] };
  });
}
