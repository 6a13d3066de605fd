import { randomUUID } from "node:crypto";
import { isOutdated } from "../../engine/contract/agent-version.ts";
import { barrierId } from "../../engine/core/ids.ts";
import { bytes } from "../../engine/core/units.ts";
import { noBarriers, withWish, without } from "../../engine/recovery/barriers.ts";
import { itemKeyOf, move } from "../../engine/recovery/item.ts";
import { isLeaving } from "../../engine/recovery/state.ts";
import { ensureCheckpoint, ensurePoint, ensureReplicate, wakeCapture } from "../durable.ts";
import { type Implementations, itemOf, stayingItem } from "./tools.ts";

export const agentActivities = {
  async observeAgent({ machine }, { services }) {
    const item = await stayingItem(services, machine);
    const found = await services.records.agents.get(machine);
    const beat = found?.value.heartbeat;
    const none = bytes(0);
    const { done, total, rate } = beat?.initialCopy ?? { done: none, total: none, rate: none };
    return {
      registered: found !== undefined,
      ...(found && isOutdated(found.value.version) && { outdated: true }),
      copied: beat?.mode === "streaming" && beat.generation === item.generation,
      done,
      total,
      rate,
      ...(beat?.problem && { problem: { ...beat.problem, stopped: beat.mode === "stopped" } }),
    };
  },

  async startReplicate({ machine }, { services, client }) {
    await services.records.items.update(itemKeyOf(machine), (old) => move(old, "copying"));
    await ensureReplicate(client, machine);
    return null;
  },

  async startPoint({ machine }, { client }) {
    await ensurePoint(client, { machine, barrier: barrierId(randomUUID()), consistency: "crash" });
    return null;
  },

  async startCheckpoint({ machine }, { client }) {
    await ensureCheckpoint(client, machine);
    return null;
  },

  async requestBarrier({ machine, barrier: id, consistency }, { services, client }) {
    const { policy } = await itemOf(services, machine);
    const wish = { id, consistency, otherwise: policy.applicationFailure };
    const now = services.clock.now();
    await services.records.barriers.upsert(machine, (old = noBarriers(machine)) => withWish(old, wish, now));
    if (policy.capture === "snapshots") await wakeCapture(client, machine);
    return null;
  },

  /** Cutting the point takes its barrier off the list. */
  async observePoint({ machine, barrier }, { services }) {
    const found = await services.records.barriers.get(machine);
    const one = found?.value.pending.find(({ id }) => id === barrier);
    if (!one) return { exists: true };
    const item = (await services.records.items.get(itemKeyOf(machine)))?.value;
    if (item && isLeaving(item.state))
      return { exists: false, refused: `machine ${machine} is ${item.state}` };
    return { exists: false, ...(!one.set && one.why !== undefined && { refused: one.why }) };
  },

  async withdrawBarrier({ machine, barrier }, { services }) {
    await services.records.barriers.upsert(machine, (old = noBarriers(machine)) => without(old, [barrier]));
    return null;
  },

  async countPoints({ machine }, { services }) {
    const { former } = await stayingItem(services, machine);
    const point = (await services.records.progress.get(machine))?.value.point;
    // Of the other time that it was protected from there it may have points still.
    return { points: point && point.generation > (former?.generation ?? 0) ? 1 : 0 };
  },
} satisfies Partial<Implementations>;
