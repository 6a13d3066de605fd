import { describe, expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { bytes } from "../../../engine/core/units.ts";
import type { RecoveryPoint } from "../../../engine/journal/manifest.ts";
import { journalPrefix, replicaName, replicaRebuildName } from "../../../engine/journal/names.ts";
import { itemKeyOf } from "../../../engine/recovery/item.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut, withRebuild } from "../../../engine/recovery/replicating.ts";
import { listCheckpoints, readCheckpoint } from "../../../engine/replication/checkpoints.ts";
import { readRebuild } from "../../../engine/replication/rebuilds.ts";
import { createReplica } from "../../../engine/replication/replica.ts";
import { checkpointFor } from "../../../functions/activities/checkpoint.ts";
import { bringDisksTo } from "../../../functions/activities/disks.ts";
import { decide } from "../../../functions/activities/retained-points.ts";
import { FOOTER, carry } from "../../fixtures/carried.ts";
import { DISKS, type Event, tell } from "../../fixtures/story.ts";
import { servicesOver } from "../../simulation/control-plane.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem } from "../../simulation/machine.ts";
import { memoryStores } from "../../simulation/stores.ts";

const round = (n: number): Event[] => [
  { kind: "write", disk: 0, sector: n * 8, sectors: 24, fill: n + 1 },
  { kind: "seal" },
  { kind: "write", disk: 1, sector: n, sectors: 5, fill: n + 1 },
  { kind: "seal" },
  { kind: "barrier" },
  { kind: "prove" },
  { kind: "seal" },
];

/** A machine of four points; the record knows of the first `known` of them. */
async function scene(known = 2) {
  const story = await tell(Array.from({ length: 4 }, (_, n) => round(n)).flat());
  const { machine, key } = story;
  const stores = memoryStores();
  const { target, pages } = stores;
  const points = await carry(story, target, 1);
  const records = recordsIn(stores.records);
  const item = protectedItem({ machine, principal: "p", disks: DISKS }, new Dice(1));
  const policy = { ...item.policy, replica: "warm" as const };
  await records.items.create(itemKeyOf(machine), { ...item, policy });
  const some = points.slice(0, known);
  const last = some.at(-1);
  if (!last) throw new RangeError("no points");
  // Manifests of the others come later.
  const later = points.slice(known);
  const hidden: { name: string; body: Buffer }[] = [];
  for await (const { name } of target.list("")) {
    const object = later.some(({ id }) => name.includes(id)) ? await target.get(name) : undefined;
    if (object) hidden.push({ name, body: object.body });
  }
  await target.delete(hidden.map(({ name }) => name));
  const begun = beginGeneration(machine, last.generation, undefined);
  await records.progress.create(machine, withCut(begun, last.position, some, []));
  for (const disk of DISKS) await createReplica(pages, machine, disk, FOOTER);
  const services = servicesOver(stores, key, systemClock);
  const arrive = async () => {
    for (const { name, body } of hidden) await target.put(name, body, "absent");
    await records.progress.update(machine, (old) => withCut(old, point(-1).position, later, []));
  };
  const point = (nth: number): RecoveryPoint => {
    const found = points.at(nth);
    if (!found) throw new RangeError(`there is no point ${nth}`);
    return found;
  };
  const isRight = async (id: string): Promise<boolean> => {
    const made = (await listCheckpoints(target, machine)).find((one) => one.id === id);
    const moment = story.moments.find(({ barrier }) => barrier.id === id);
    for (const { index, size, snapshot } of made?.disks ?? []) {
      const held = await pages.read(replicaName(machine, index), bytes(0), size, snapshot);
      if (!held.equals(moment?.disks[index] ?? Buffer.alloc(0))) return false;
    }
    return made !== undefined;
  };
  return { machine, services, records, target, point, arrive, isRight };
}

const ofOne = () => () => true;

async function toTheEnd(turn: () => Promise<{ readonly more: boolean }>): Promise<number> {
  for (let turns = 1; turns < 1000; turns++) if (!(await turn()).more) return turns;
  throw new Error("there is no end of turns");
}

describe("a replica that takes many turns", () => {
  test("is brought to the point that it was begun with, though there are newer ones, and then to the newest", async () => {
    const { machine, services, target, point, arrive, isRight } = await scene();
    const turn = () => checkpointFor(services, machine, ofOne());
    expect(await turn()).toMatchObject({ more: true });
    await turn();
    await arrive();
    expect(await toTheEnd(turn)).toBeGreaterThan(2);
    expect(await isRight(point(1).id)).toBe(true);
    expect(await readCheckpoint(target, point(-1))).toBeUndefined();
    await toTheEnd(turn);
    expect(await isRight(point(-1).id)).toBe(true);
    expect(await readRebuild(target, replicaRebuildName(machine))).toBeUndefined();
  });

  test("serves a failover to a later point: it goes on, and from there", async () => {
    const { machine, services, point, arrive, isRight } = await scene();
    await checkpointFor(services, machine, ofOne());
    await arrive();
    const at = { machine, point: point(-1).id };
    await toTheEnd(() => bringDisksTo(services, at, ofOne()));
    expect(await isRight(point(1).id)).toBe(true);
    expect(await isRight(point(-1).id)).toBe(true);
  });

  test("begins with the newest point again when it was found wrong meanwhile", async () => {
    const { machine, services, records, target, point, arrive, isRight } = await scene();
    const turn = () => checkpointFor(services, machine, ofOne());
    await turn();
    await records.progress.update(machine, (old) => withRebuild(old, systemClock.now()));
    await turn();
    const kept = await readRebuild(target, replicaRebuildName(machine));
    expect(kept?.point.id).toBe(point(1).id);
    await arrive();
    await toTheEnd(turn);
    expect(await isRight(point(1).id)).toBe(true);
    expect((await records.progress.get(machine))?.value.rebuildSince).toBeUndefined();
  });

  test("keeps its point from being thinned", async () => {
    const { machine, services, point, arrive } = await scene(1);
    const reasons = async () => (await decide(services, machine))?.retention.keep.map(({ reason }) => reason);
    await checkpointFor(services, machine, ofOne());
    await arrive();
    expect(await reasons()).toContain("the replica is on its way to it");
    await toTheEnd(() => checkpointFor(services, machine, ofOne()));
    expect(await reasons()).not.toContain("the replica is on its way to it");
    expect(point(0).id).toBeDefined();
  });

  test("takes the newest point when the way to the one that it was begun with is lost", async () => {
    const { machine, services, target, point, arrive, isRight } = await scene();
    const turn = () => checkpointFor(services, machine, ofOne());
    await turn();
    await arrive();
    const [first] = await names(target.list(journalPrefix(machine, point(0).generation)));
    const lost = first === undefined ? undefined : await target.get(first);
    if (first === undefined || !lost) throw new Error("no segments");
    await target.delete([first]);
    const turns: string[] = [];
    while (turns.at(-1) !== "failed" && turns.length < 40)
      turns.push(
        await turn().then(
          () => "went on",
          () => "failed",
        ),
      );
    // Nothing leads to the newest either, until the segment is there again.
    expect(turns.at(-1)).toBe("failed");
    await target.put(first, lost.body, "absent");
    await toTheEnd(turn);
    expect(await isRight(point(-1).id)).toBe(true);
  });
});

async function names(all: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of all) found.push(name);
  return found;
}
