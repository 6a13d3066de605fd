import { expect, test } from "vitest";
import { generation } from "../../../../engine/core/units.ts";
import { itemKey } from "../../../../engine/recovery/item.ts";
import { recordsIn } from "../../../../engine/recovery/records.ts";
import { MemoryRecordStore } from "../../../../engine/storage/memory.ts";
import { ITEM, item } from "./fixture.ts";

const key = itemKey(ITEM);
const open = async () => {
  const records = recordsIn(new MemoryRecordStore());
  await records.items.create(key, item());
  return records;
};

test("changes that race are made one after the other, none is lost", async () => {
  const { items } = await open();
  const bump = () => items.update(key, (old) => ({ ...old, generation: generation(old.generation + 1) }));
  await Promise.all(Array.from({ length: 12 }, bump));
  expect((await items.get(key))?.value.generation).toBe(13);
});

test("a change that returns what it was given writes nothing", async () => {
  const { items } = await open();
  const before = await items.get(key);
  await items.update(key, (old) => old);
  expect((await items.get(key))?.etag).toBe(before?.etag);
});

test("what a change throws leaves the record as it was", async () => {
  const { items } = await open();
  const before = await items.get(key);
  await expect(
    items.update(key, () => {
      throw new Error("no");
    }),
  ).rejects.toThrow("no");
  expect(await items.get(key)).toEqual(before);
});

test("a record that is not there cannot be updated, but made", async () => {
  const { items, agents } = await open();
  await expect(items.update("00000000", (old) => old)).rejects.toMatchObject({ code: "NotFound" });
  await expect(items.create(key, item())).rejects.toMatchObject({ code: "ObjectExists" });
  await items.upsert("00000000", (old) => old ?? item());
  const found = [];
  for await (const one of items.list()) found.push(one.machine);
  expect(found).toEqual([item().machine, item().machine]);
  expect(await agents.get("x")).toBeUndefined();
});

test("only such a record is deleted, and none that took its place meanwhile", async () => {
  const store = new MemoryRecordStore();
  const { items } = recordsIn(store);
  await items.create(key, item());
  await items.deleteIf(key, ({ state }) => state === "Protected");
  expect(await items.get(key)).toBeDefined();
  const remove = store.delete.bind(store);
  store.delete = async (...args) => {
    await items.update(key, (old) => ({ ...old, generation: generation(2) }));
    return remove(...args);
  };
  await items.deleteIf(key, ({ generation: of }) => of === 1);
  expect((await items.get(key))?.value.generation).toBe(2);
  store.delete = remove;
  await items.deleteIf(key, () => true);
  expect(await items.get(key)).toBeUndefined();
});
