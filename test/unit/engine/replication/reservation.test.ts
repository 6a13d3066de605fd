import { beforeEach, describe, expect, test } from "vitest";
import { sequence } from "../../../../engine/core/units.ts";
import { replicaStateName } from "../../../../engine/journal/names.ts";
import type { RecoveryPoint } from "../../../../engine/journal/manifest.ts";
import { reserveReplica, standsOn } from "../../../../engine/replication/reservation.ts";
import { MemoryObjectStore } from "../../../../engine/storage/memory.ts";
import { carry } from "../../../fixtures/carried.ts";
import { type Story, tell } from "../../../fixtures/story.ts";
import { POINT, write } from "../../../fixtures/verified.ts";

describe("a replica's reservation", () => {
  let story: Story;
  let objects: MemoryObjectStore;
  let older: RecoveryPoint;
  let newer: RecoveryPoint;
  let name: string;

  beforeEach(async () => {
    story = await tell([write(0, 1, 1, 1), ...POINT, write(0, 2, 1, 2), ...POINT]);
    objects = new MemoryObjectStore();
    const [first, second] = await carry(story, objects);
    if (!first || !second) throw new RangeError("no points");
    [older, newer] = [first, second];
    name = replicaStateName(story.machine);
    await reserveReplica({ objects, from: story.start, point: older });
  });

  const spoil = async () => {
    const found = await objects.get(name);
    const text = found?.body.toString("utf8").replace(/"sequence": \d+/, '"sequence": 0') ?? "";
    await objects.put(name, Buffer.from(text), "any");
  };

  test("lets a later point go on", async () => {
    expect(await standsOn(objects, newer, older.position, older)).toBe("yes");
    await reserveReplica({ objects, from: older.position, point: newer });
    await expect(reserveReplica({ objects, from: story.start, point: older })).rejects.toMatchObject({
      code: "StateNotAllowed",
    });
  });

  test("that was changed says nothing: the replica must be rebuilt", async () => {
    await spoil();
    expect(await standsOn(objects, newer, older.position, older)).toBe("unknown");
    const onward = { objects, from: older.position, point: newer };
    await expect(reserveReplica(onward)).rejects.toMatchObject({ code: "ManifestDamaged" });
    await reserveReplica({ ...onward, from: story.start });
    expect(await standsOn(objects, newer, older.position)).toBe("yes");
  });

  test("that is gone says nothing either", async () => {
    await objects.delete([name]);
    expect(await standsOn(objects, newer, older.position, older)).toBe("unknown");
  });

  test("that was changed is stood in for by the record: what it names later is not gone back behind", async () => {
    await reserveReplica({ objects, from: older.position, point: newer });
    await spoil();
    const back = { objects, from: story.start, point: older, reserved: newer };
    await expect(reserveReplica(back)).rejects.toMatchObject({ code: "StateNotAllowed" });
    await reserveReplica({ ...back, point: newer });
  });

  test("that says what it said long ago is not believed where the record knows better", async () => {
    const old = (await objects.get(name))?.body ?? Buffer.alloc(0);
    await reserveReplica({ objects, from: older.position, point: newer });
    await objects.put(name, old, "any");
    const back = { objects, from: story.start, point: older, reserved: newer };
    await expect(reserveReplica(back)).rejects.toMatchObject({ code: "StateNotAllowed" });
  });

  test("of an older generation that the record knows to reach behind the base means rebuilding, once and for all", async () => {
    const point = { ...newer, generation: newer.generation };
    const beyond = { generation: older.generation, sequence: sequence(newer.sequence + 100) };
    expect(await standsOn(objects, point, older.position, beyond)).toBe("no");
  });

  test("without a digest, as format 1 was, says nothing", async () => {
    const { generation, id } = older;
    await objects.put(name, Buffer.from(JSON.stringify({ format: 1, generation, id, sequence: 1 })), "any");
    expect(await standsOn(objects, newer, older.position, older)).toBe("unknown");
  });
});
