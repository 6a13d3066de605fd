import type { DurableClient } from "durable-functions";
import { z } from "zod";
import { messageOf } from "../../engine/core/errors.ts";
import { type OperationId, armId, groupOf, resourceTypeOf } from "../../engine/core/ids.ts";
import { type ItemRecord, isLenient, itemKey } from "../../engine/recovery/item.ts";
import { withLeft } from "../../engine/recovery/removed.ts";
import { removingKey } from "../../engine/recovery/removing.ts";
import { AGENT_CARRIER } from "../../orchestrations/uninstall-agent.ts";
import { isAtWork, wakeCapture, wakeReplicate, workOf } from "../durable.ts";
import { dropImages } from "../left-images.ts";
import { leaveGroup } from "../membership.ts";
import { peerOf } from "../peer.ts";
import type { Services } from "../services.ts";
import { noteRemoved } from "./note-removed.ts";
import { removeObjects } from "./remove-objects.ts";
import { removeResources } from "./remove-resources.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const removalActivities = {
  async quietMachine({ machine }, { services, client }) {
    const item = await itemOf(services, machine);
    await leaveGroup(services, item);
    await wakeReplicate(client, machine);
    if (item.policy.capture === "snapshots") await wakeCapture(client, machine);
    const { keepPoints = false } = item.removal ?? {};
    return { atWork: await atWorkFor(services, client, item), lenient: isLenient(item), keepPoints };
  },

  removeObjects: (leaving, { services }) => removeObjects(services, leaving),

  removeResources: (leaving, { services }) => removeResources(services, leaving),

  /** A deletion that began and failed was refused as well. */
  async noteLeft({ operation, left }, { services }) {
    if (left.type === AGENT_CARRIER) return null;
    const refused = left.name.startsWith("/") && { refused: true as const };
    await noteRemoved(services, operation, (old) => withLeft(old, { ...left, ...refused }));
    return null;
  },

  async forgetMachine({ machine, operation }, { services }) {
    const { records } = services;
    const item = await itemOf(services, machine);
    await dropLastImages(services, item, operation);
    const kinds = [
      records.agents,
      records.barriers,
      records.progress,
      records.lost,
      records.verification,
      records.retention,
      records.healing,
      records.readiness,
      records.plans,
    ];
    for (const kind of kinds) await kind.delete(machine);
    await dropMarks({ records }, operation);
    await forgetThere(services, item, operation);
    return null;
  },
} satisfies Partial<Implementations>;

/** What the other region's app has of the machine, from when it was protected from there, is of no more use either. */
async function forgetThere(services: Services, item: ItemRecord, operation: OperationId): Promise<void> {
  const { machine, former, removal } = item;
  const alias = itemKey(item.id);
  await services.records.aliases.deleteIf(alias, (one) => one.machine === machine);
  if (!former || removal?.from === "Reversed") return;
  try {
    const { keepPoints = false } = removal ?? {};
    await peerOf(services).call("forget", { machine, keepPoints }, z.looseObject({}));
  } catch (error) {
    const why = `${messageOf(error)}. Once that app answers, post {"machine":"${machine}"} to its /api/leeward/peer/forget, with the role Leeward.Peer`;
    const left = { type: "peer", name: `what the other region's app keeps of ${machine}`, why };
    await noteRemoved(services, operation, (old) => withLeft(old, left));
  }
}

/** Where capture could not, since it had stopped or its region did not answer, they are found here once more, or later. */
async function dropLastImages(services: Services, item: ItemRecord, operation: OperationId): Promise<void> {
  if (item.policy.capture !== "snapshots") return;
  const why = await dropImages(services, item);
  if (why === undefined) return;
  const name = `${groupOf(item.vmId)}/providers/Microsoft.Compute/snapshots`;
  const left = { type: resourceTypeOf(armId(`${name}/all`)), name, why: `${LATER}: ${why}` };
  await noteRemoved(services, operation, (old) => withLeft(old, left));
}

const LATER = "Leeward deletes the machine's images once their region answers, and looks every ten minutes";

/** What it had marked as being deleted is gone, or stays. Marks of a job that failed mean nothing, and nobody else takes them away. */
async function dropMarks({ records }: Pick<Services, "records">, operation: OperationId): Promise<void> {
  for await (const { id, operation: by } of records.removing.list()) {
    const ended = by === operation || (await records.jobs.get(by))?.value.state !== "InProgress";
    if (ended) await records.removing.delete(removingKey(id, by));
  }
}

async function atWorkFor(services: Services, client: DurableClient, item: ItemRecord): Promise<string[]> {
  const { machine, removal } = item;
  const work = await workOf(client, machine);
  if (removal?.after && (await isAtWork(client, removal.after))) work.push(removal.after);
  if (await agentIsAbout(services, item)) work.push("agent");
  return work;
}

/** An agent that was heard of so short a time ago hears soon that it is over. */
const HEARD_OF = 60e6;

async function agentIsAbout({ records, clock }: Services, { machine, policy }: ItemRecord): Promise<boolean> {
  // Its capture is among the work that is waited for.
  if (policy.capture === "snapshots") return false;
  const agent = (await records.agents.get(machine))?.value;
  if (!agent || agent.dismissedAt !== undefined) return false;
  return clock.now() - (agent.heardAt ?? agent.registeredAt) < HEARD_OF;
}
