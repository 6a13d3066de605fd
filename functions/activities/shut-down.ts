import { randomUUID } from "node:crypto";
import { deallocateVirtualMachine } from "../../engine/azure/virtual-machine.ts";
import { barrierId } from "../../engine/core/ids.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { fenced, restOf } from "../../engine/recovery/shut-down.ts";
import { ensurePoint, wakeCapture, wakeReplicate } from "../durable.ts";
import { note } from "./failover-note.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const shutDownActivities = {
  async shutDownSource({ machine }, { services }) {
    const { vmId } = await itemOf(services, machine);
    return sent(await deallocateVirtualMachine(services.arm.urgent, vmId));
  },

  async carryRest({ machine, since }, { services, client }) {
    const item = await itemOf(services, machine);
    const { records } = services;
    const agent = (await records.agents.get(machine))?.value;
    const progress = (await records.progress.get(machine))?.value;
    const rest = restOf(item, agent, progress, since);
    if (rest.state === "unheard" && item.policy.capture === "snapshots") {
      // Asked for while one is on its way it changes nothing, so there is one behind the end of the machine by and by.
      await ensurePoint(client, { machine, barrier: barrierId(randomUUID()), consistency: "crash" });
      await wakeCapture(client, machine);
    }
    if (rest.state !== "all") await wakeReplicate(client, machine);
    return rest;
  },

  async fenceSource({ machine, operation }, { services }) {
    await services.records.items.update(itemKeyOf(machine), (old) => fenced(old, operation));
    return null;
  },

  async noteFailover({ machine, words }, { services }) {
    await note(services, { machine }, words);
    return null;
  },
} satisfies Partial<Implementations>;
