import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { replicaStateName } from "../../../engine/journal/names.ts";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut } from "../../../engine/recovery/replicating.ts";
import { checkpoint } from "../../../engine/replication/checkpoint.ts";
import { readCheckpoint } from "../../../engine/replication/checkpoints.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { diskActivities } from "../../../functions/activities/disks.ts";
import { replicationActivities } from "../../../functions/activities/replication.ts";
import { FOOTER, carry } from "../../fixtures/carried.ts";
import { interrupted } from "../../fixtures/failing.ts";
import { DISKS, type Event, tell } from "../../fixtures/story.ts";
import { servicesOver, toolsOf } from "../../simulation/control-plane.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem } from "../../simulation/machine.ts";
import { memoryStores } from "../../simulation/stores.ts";

const write = (fill: number): Event => ({ kind: "write", disk: 0, sector: 0, sectors: 4, fill });
const POINT: Event[] = [{ kind: "barrier" }, { kind: "prove" }, { kind: "seal" }];

// Seed 100 of the simulation: the error stopped replication until somebody acted.
test("a checkpoint that is overtaken by one to a later point leaves the replica to it", async () => {
  const story = await tell([write(1), ...POINT, write(2), ...POINT]);
  const { machine, key, start } = story;
  const stores = memoryStores();
  const { target, pages, records } = stores;
  const [older, newer] = await carry(story, target);
  if (!older || !newer) throw new RangeError("no points");
  const item = protectedItem({ machine, principal: "p", disks: DISKS }, new Dice(1));
  await recordsIn(records).items.create(itemKeyOf(machine), item);
  const begun = beginGeneration(machine, older.generation, undefined);
  await recordsIn(records).progress.create(machine, withCut(begun, older.position, [older], []));
  for (const disk of DISKS) await createReplica(pages, machine, disk, FOOTER);

  // The newer point is made only while the older one's checkpoint is under way.
  const names: string[] = [];
  for await (const { name } of target.list("")) if (name.includes(newer.id)) names.push(name);
  await target.delete(names);
  const overtake = () => checkpoint({ target, pages, key, from: start, point: newer });
  const reserving = (_: unknown, [name]: readonly unknown[]) => name === replicaStateName(machine);
  const late = { ...stores, target: interrupted(target, reserving, overtake) };

  const tools = toolsOf(servicesOver(late, key, systemClock));
  expect(await replicationActivities.checkpoint({ machine }, tools)).toMatchObject({ more: false });
  expect(await readCheckpoint(target, newer)).toBeDefined();
  expect(await readCheckpoint(target, older)).toBeUndefined();
});

// Two runs of a failover met: one had brought the replica to the newer of two points that hold the same writes.
test("a replica that was brought to a later point of an idle machine serves the earlier one as it is", async () => {
  const story = await tell([write(1), ...POINT, ...POINT]);
  const { machine, key } = story;
  const stores = memoryStores();
  const { target, pages, records } = stores;
  const [older, newer] = await carry(story, target);
  if (!older || !newer) throw new RangeError("no points");
  expect(newer.sequence).toBe(older.sequence);
  const item = protectedItem({ machine, principal: "p", disks: DISKS }, new Dice(1));
  await recordsIn(records).items.create(itemKeyOf(machine), item);
  const begun = beginGeneration(machine, older.generation, undefined);
  await recordsIn(records).progress.create(machine, withCut(begun, newer.position, [older, newer], []));
  for (const disk of DISKS) await createReplica(pages, machine, disk, FOOTER);
  const services = servicesOver(stores, key, systemClock);
  await diskActivities.checkpointTo({ machine, point: newer.id }, toolsOf(services));
  const writes: unknown[] = [];
  const counted = new Proxy(pages, {
    get: (of, name) => {
      const method: unknown = Reflect.get(of, name);
      if (typeof method !== "function") return method;
      return (...args: unknown[]): unknown => {
        if (name === "write" || name === "clear") writes.push(args[0]);
        return Reflect.apply(method, of, args);
      };
    },
  });
  const late = servicesOver({ ...stores, pages: counted }, key, systemClock);
  await diskActivities.checkpointTo({ machine, point: older.id }, toolsOf(late));
  expect(writes).toEqual([]);
  expect(await readCheckpoint(target, older)).toBeDefined();
});
