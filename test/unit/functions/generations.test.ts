import { expect, test } from "vitest";
import { generation, micros, ordinal } from "../../../engine/core/units.ts";
import { itemKey } from "../../../engine/recovery/item.ts";
import { endedFor } from "../../../engine/recovery/resync.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../engine/storage/memory.ts";
import { generationFor } from "../../../functions/generations.ts";
import { DISKS } from "../../fixtures/story.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem as ofSimulation } from "../../simulation/machine.ts";
import { ITEM, item, position, protectedItem } from "../engine/recovery/fixture.ts";

const { machine } = item();

async function open(known = protectedItem()) {
  const records = recordsIn(new MemoryRecordStore());
  await records.items.create(itemKey(ITEM), known);
  const register = (resume?: { of: number; next: number }) =>
    generationFor(
      records,
      { machine },
      resume && { generation: generation(resume.of), next: ordinal(resume.next) },
    );
  const arrive = (next: number, at: number, of = 1) =>
    records.progress.update(machine, (old) => ({
      ...old,
      arrived: position(next, at, { generation: generation(of) }),
    }));
  return { records, register, arrive };
}

test("the first registration begins the generation that enablement issued", async () => {
  const { register } = await open();
  expect(await register()).toMatchObject({ from: 0, arrived: { generation: 1, next: 0, sequence: 0 } });
});

test("an agent that can go on without a hole goes on", async () => {
  const { register, arrive } = await open();
  await register();
  await arrive(5, 50);
  expect((await register({ of: 1, next: 5 })).arrived).toMatchObject({ generation: 1, next: 5 });
  expect((await register({ of: 1, next: 9 })).arrived).toMatchObject({ generation: 1, next: 5 });
});

test.each([
  ["has forgotten its spool", undefined],
  ["went back behind what has arrived", { of: 1, next: 4 }],
  ["is of another generation", { of: 2, next: 9 }],
])("an agent that %s begins a new generation, whose sequences go on", async (_, resume) => {
  const { records, register, arrive } = await open();
  await register();
  await arrive(5, 50);
  expect(await register(resume)).toMatchObject({
    from: 50,
    arrived: { generation: 2, next: 0, sequence: 50 },
  });
  expect((await records.items.get(itemKey(ITEM)))?.value.generation).toBe(2);
});

test("two that register at once never share a generation", async () => {
  const { register } = await open();
  const issued = await Promise.all([register(), register(), register()]);
  expect(new Set(issued.map(({ arrived }) => arrived.generation)).size).toBe(3);
});

test("a generation that was issued but not begun is not taken over", async () => {
  const { records, register } = await open();
  await register();
  await records.items.update(itemKey(ITEM), (old) => ({ ...old, generation: generation(2) }));
  expect((await register({ of: 1, next: 9 })).arrived.generation).toBe(3);
});

test("the number with which a generation was ended goes to one agent, and to no other", async () => {
  const { records, register } = await open();
  await register();
  const asked = { reason: "operator", requestedAt: micros(1) } as const;
  const ended = await records.items.update(itemKey(ITEM), (old) => endedFor(old, asked));
  expect(ended.generation).toBe(2);
  const both = await Promise.all([register({ of: 1, next: 9 }), register()]);
  expect(new Set(both.map(({ arrived }) => arrived.generation))).toEqual(new Set([2, 3]));
});

test("a machine that was failed over gets none", async () => {
  const { records, register } = await open();
  await register();
  await records.items.update(itemKey(ITEM), (old) => ({
    ...old,
    state: "FailingOver",
    generation: generation(2),
  }));
  await expect(register({ of: 1, next: 9 })).rejects.toMatchObject({ code: "AgentFenced" });
});

// Seed 12 of the simulation: a call that hung since before the failover issued a generation to the machine of before.
test("a machine that is protected elsewhere by now is issued no generation, however late its call comes", async () => {
  const known = ofSimulation({ machine, principal: "now", disks: DISKS }, new Dice(1));
  const { records, register } = await open(known);
  await register();
  const late = generationFor(records, { machine, principal: "before" }, undefined);
  await expect(late).rejects.toMatchObject({ code: "AgentFenced" });
  const { generation: now } = await records.items.update(itemKey(ITEM), (old) => old);
  const { arrived } = await generationFor(records, { machine, principal: "now" }, undefined);
  expect(arrived.generation).toBe(now + 1);
});
