import { type ItemRecord, endpointOf, sourceOf, targetOf } from "../../engine/recovery/item.ts";
import { resyncDue, withRefused } from "../../engine/recovery/resync.ts";
import { STATES } from "../../engine/recovery/state.ts";
import { isOffered, withdrawDigests } from "../../engine/replication/base-digests.ts";
import { isUnreadable, offerBase } from "../base-offer.ts";
import { endGeneration } from "../generations.ts";
import type { Services } from "../services.ts";
import { healing } from "./healing.ts";
import { type Implementations, itemOf } from "./tools.ts";
import { activityOf, turnOf } from "./turn.ts";

type ResyncServices = Pick<Services, "target" | "records" | "clock" | "keyOf" | "objectsAt">;

export const resyncActivities = {
  async tendResync({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const progress = (await services.records.progress.get(machine))?.value;
    if (!progress || !STATES[item.state].replicating) return null;
    if (progress.arrived.generation !== item.generation) return null;
    const due = resyncDue(progress);
    if (due === "offer" || (due === "look" && !(await isThere(services, item)))) await offer(services, item);
    if (due === "clear") await clear(services, item);
    return null;
  },
} satisfies Partial<Implementations>;

const isThere = (services: ResyncServices, item: ItemRecord): Promise<boolean> =>
  isOffered(cacheOf(services, item), item, sourceOf(item).disks);

/**
 * Puts what the base holds where the agent finds it, in turns. A base that cannot be read ends the generation: the next gets
 * another. What is left when an activity has no more time is for the next round, which the timer begins.
 */
async function offer(services: ResyncServices, item: ItemRecord): Promise<void> {
  const { machine, generation: of } = item;
  try {
    if (!(await offered(services, item))) return;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    await refuse(services, item);
    return;
  }
  await services.records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of ? { ...old, resync: { ...old.resync, offered: true } } : old,
  );
}

/** @returns whether all is there */
async function offered(services: ResyncServices, item: ItemRecord): Promise<boolean> {
  const { machine, generation: of } = item;
  const isLate = activityOf(services.clock);
  for (;;) {
    const enough = turnOf(services.clock);
    const turn = () => offerBase(services, item, sourceOf(item).disks, cacheOf(services, item), enough);
    if ((await healing(services, machine, turn)).complete) return true;
    const { generation: now, state } = await itemOf(services, machine);
    if (isLate() || now !== of || !STATES[state].replicating) return false;
  }
}

async function refuse(
  { records, clock }: ResyncServices,
  { machine, generation: of }: ItemRecord,
): Promise<void> {
  await records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of ? { ...old, resync: withRefused(old.resync) } : old,
  );
  await endGeneration({ records, clock }, { machine, generation: of }, "verification");
}

/** The cache may keep nothing of the target for longer than it is needed. */
async function clear(services: ResyncServices, item: ItemRecord): Promise<void> {
  const { machine, generation: of } = item;
  await withdrawDigests(cacheOf(services, item), machine, of);
  const agent = (await services.records.agents.get(machine))?.value;
  const beat = agent?.heartbeat?.generation === of ? agent.heartbeat : undefined;
  const endedAt = services.clock.now();
  const { sent } = beat?.initialCopy ?? {};
  await services.records.progress.update(machine, (old) =>
    old.resync && old.arrived.generation === of
      ? { ...old, resync: { ...old.resync, endedAt, ...(sent !== undefined && { sent }) } }
      : old,
  );
}

const cacheOf = ({ objectsAt }: ResyncServices, item: ItemRecord) =>
  objectsAt(endpointOf(targetOf(item).cache));
