import { hasCode } from "../../engine/core/errors.ts";
import type { OperationId } from "../../engine/core/ids.ts";
import type { Asked } from "../../engine/recovery/begin.ts";
import { beginCancel } from "../../engine/recovery/cancel.ts";
import { type ItemRecord, itemKey } from "../../engine/recovery/item.ts";
import { recoveryPolicy } from "../../engine/recovery/policy.ts";
import { beginTest, beginTestCleanup } from "../../engine/recovery/test-failover.ts";
import { carryOn, disable, enable, failOver } from "../../functions/begin.ts";
import type { Step } from "./achieve.ts";
import { ENABLEMENT, ITEM, START, TARGET_GROUP, VM } from "./place.ts";
import type { World } from "./world.ts";

/** Nothing is under way but the machine's replication, which goes on for good. */
const quiet = ({ hub }: World): boolean => hub.live().every((id) => id.startsWith("replicate-"));
const silent = ({ hub }: World): boolean => hub.live().length === 0;

export const enablement = (replica: "warm" | "none"): Step => ({
  name: ENABLEMENT,
  async begin(world, token) {
    const { services, client } = world.tools();
    const policy = recoveryPolicy.parse({ replica });
    const wish = { id: ITEM, vmId: VM, policy, request: { resourceGroup: TARGET_GROUP } };
    // The machine is called after it.
    return (await enable(services, client, wish, { now: START, token })).job.operation;
  },
  async rests(world) {
    const { eye, stage } = world;
    const progress = (await eye.records.progress.get(stage.story.machine))?.value;
    const arrived = progress?.arrived.next === stage.story.segments.length;
    const held = replica === "none" || progress?.applied !== undefined;
    return quiet(world) && arrived && held;
  },
});

export const failover: Step = {
  name: "failover",
  begin: (world, token) => failedOver(world, token),
  rests: async (world) => silent(world),
};

/** With a size that no region has: everything is made but the machine. */
export const failoverRefused: Step = {
  name: "failover that is refused",
  begin: (world, token) => failedOver(world, token, { size: "Standard_D999s_v5", acceptUnfit: true }),
  rests: async (world) => silent(world),
  fails: true,
};

/** Goes on where the one that was refused ended. */
export const failoverInSize: Step = {
  name: "failover in another size",
  begin: (world, token) => failedOver(world, token, { size: "Standard_D4s_v5", acceptUnfit: false }),
  rests: async (world) => silent(world),
};

async function failedOver(world: World, token: string, build?: Asked["build"]): Promise<OperationId> {
  const { services, client } = world.tools();
  const asked = { now: world.clock.now(), token, build };
  return (await failOver(services, client, ITEM, asked, { acceptBadPoint: false })).job.operation;
}

export const failoverCancel: Step = {
  name: "failover's cancel",
  async begin(world, token) {
    const item = await begun(world, (old) => beginCancel(old, { now: world.clock.now(), token }));
    return item.job.operation;
  },
  async rests(world) {
    // The agent's journal ends with the generation that the failover closed: it has nothing for the next one.
    return quiet(world);
  },
};

export const testFailover: Step = {
  name: "test failover",
  async begin(world, token) {
    const item = await begun(world, (old) => beginTest(old, { now: world.clock.now(), token }));
    return item.test?.job.operation ?? item.job.operation;
  },
  rests: async (world) => quiet(world),
};

export const testCleanup: Step = {
  name: "clean-up of the test",
  async begin(world, token) {
    const { test, formerTest, job } = await begun(world, (old) =>
      beginTestCleanup(old, { now: world.clock.now(), token }),
    );
    return test?.job.operation ?? formerTest?.cleanup ?? job.operation;
  },
  rests: async (world) => quiet(world),
};

/** The item's record goes with the end of its job: who asks then is told that there is no such item. */
export const disablement: Step = {
  name: "disable",
  async begin(world, token) {
    const { services, client } = world.tools();
    const asked = { now: world.clock.now(), token };
    const terms = { purge: false, keepPoints: false };
    try {
      return (await disable(services, client, ITEM, asked, terms)).job.operation;
    } catch (error) {
      if (hasCode(error, "NotFound")) return "done";
      throw error;
    }
  },
  rests: async (world) => silent(world),
};

/** A group is never deleted (docs/disable.md); that there were jobs stays known. */
export const LEFT_BEHIND = [/^groups .*\/shop-recovery: /, /^jobs /];

async function begun(world: World, change: (old: ItemRecord) => ItemRecord): Promise<ItemRecord> {
  const { services, client } = world.tools();
  const item = await services.records.items.update(itemKey(ITEM), change);
  await carryOn(services, client, item);
  return item;
}
