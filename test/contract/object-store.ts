import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIB } from "../../engine/core/units.ts";
import { type ObjectStore, etagOf } from "../../engine/storage/store.ts";
import { collect } from "../fixtures/collect.ts";

const text = (content: string) => Buffer.from(content);
const namesIn = async (store: ObjectStore, prefix: string) =>
  (await collect(store.list(prefix))).map(({ name }) => name);

/** What every ObjectStore promises; `open` gives an empty one. */
export function objectStorePromises(open: () => Promise<ObjectStore>, runs: number): void {
  describe("an object store", () => {
    reading(open);
    writing(open);
    listing(open);
    deleting(open);
    roundTrips(open, runs);
  });
}

function reading(open: () => Promise<ObjectStore>): void {
  test("gives back what was put, with the same ETag everywhere", async () => {
    const store = await open();
    const body = randomBytes(8 * MIB);
    const etag = await store.put("m/one.seg", body, "absent");
    const found = await store.get("m/one.seg");
    expect(found?.body.equals(body)).toBe(true);
    expect(found).toMatchObject({ name: "m/one.seg", size: body.length, etag });
    expect(await collect(store.list(""))).toEqual([{ name: "m/one.seg", size: body.length, etag }]);
  });

  test("has undefined for what is not there", async () => {
    const store = await open();
    await store.put("m/one", text("1"), "absent");
    expect(await store.get("m/two")).toBeUndefined();
    expect(await store.get("m")).toBeUndefined();
    expect(await store.get("m/two", "unchecked")).toBeUndefined();
  });

  test("takes an empty object for an object", async () => {
    const store = await open();
    await store.put("empty", text(""), "absent");
    expect(await store.get("empty")).toMatchObject({ size: 0, body: text("") });
  });

  test("shares no memory with its callers", async () => {
    const store = await open();
    const around = text("..body..");
    await store.put("x", around.subarray(2, 6), "absent");
    around.fill("!");
    const first = await store.get("x");
    first?.body.fill("?");
    expect(String((await store.get("x"))?.body)).toBe("body");
  });
}

function writing(open: () => Promise<ObjectStore>): void {
  test("never overwrites with `absent`", async () => {
    const store = await open();
    await store.put("x", text("first"), "absent");
    await expect(store.put("x", text("second"), "absent")).rejects.toMatchObject({ code: "ObjectExists" });
    await expect(store.put("x", text("first"), "absent")).rejects.toMatchObject({ code: "ObjectExists" });
    expect(String((await store.get("x"))?.body)).toBe("first");
  });

  test("overwrites with `any`, and the ETag changes even when the content does not", async () => {
    const store = await open();
    const first = await store.put("x", text("same"), "any");
    const second = await store.put("x", text("same"), "any");
    expect(second).not.toBe(first);
    await store.put("x", text("other"), "any");
    expect(String((await store.get("x"))?.body)).toBe("other");
  });

  test("changes with an ETag only what is unchanged since", async () => {
    const store = await open();
    const first = await store.put("x", text("1"), "absent");
    const second = await store.put("x", text("2"), { unchangedSince: first });
    for (const stale of [first, etagOf('"0x8D000000000"')])
      await expect(store.put("x", text("3"), { unchangedSince: stale })).rejects.toMatchObject({
        code: "ObjectChanged",
      });
    await expect(store.put("y", text("3"), { unchangedSince: second })).rejects.toMatchObject({
      code: "ObjectChanged",
    });
    expect(await store.get("x")).toMatchObject({ body: text("2"), etag: second });
    expect(await store.get("y")).toBeUndefined();
  });

  test.each(["absent", "unchangedSince"] as const)("lets one of many win with `%s`", async (kind) => {
    const store = await open();
    const condition = kind === "absent" ? kind : { unchangedSince: await store.put("x", text(""), "absent") };
    const puts = Array.from({ length: 8 }, (_, n) => store.put("x", text(`writer ${n}`), condition));
    const results = await Promise.allSettled(puts);
    const winners = results.flatMap(({ status }, n) => (status === "fulfilled" ? [n] : []));
    expect(winners).toHaveLength(1);
    expect(String((await store.get("x"))?.body)).toBe(`writer ${winners[0]}`);
  });

  test.each([
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    "..",
    "a/../b",
    "./a",
    "a/.",
    "a.",
    "a b",
    "a\\b",
    "ä",
    "a\n",
    "a?b",
  ])("refuses the name %j", async (name) => {
    const store = await open();
    await expect(store.put(name, text("x"), "any")).rejects.toThrow(RangeError);
    await expect(store.get(name)).rejects.toThrow(RangeError);
    await expect(store.delete(["fine", name])).rejects.toThrow(RangeError);
    expect(await namesIn(store, "")).toEqual([]);
  });

  test("makes its container as often as asked", async () => {
    const store = await open();
    await store.put("x", text("x"), "absent");
    await store.ensureContainer();
    await store.ensureContainer();
    expect(await store.get("x")).toBeDefined();
  });
}

function listing(open: () => Promise<ObjectStore>): void {
  test("lists by prefix in ascending byte order of names", async () => {
    const store = await open();
    const names = ["a/10", "a/9", "a/B", "a/b", "a/b-c", "a/b.c", "a/bb/c", "a/bc", "ab", "b/1"];
    await Promise.all(names.map((name) => store.put(name, text(name), "absent")));
    expect(await namesIn(store, "a/")).toEqual(names.slice(0, 8).toSorted());
    expect(await namesIn(store, "a")).toEqual(names.slice(0, 9).toSorted());
    expect(await namesIn(store, "a/bb/")).toEqual(["a/bb/c"]);
    expect(await namesIn(store, "c")).toEqual([]);
    expect(await namesIn(store, "")).toEqual(names.toSorted());
  });
}

function deleting(open: () => Promise<ObjectStore>): void {
  test("deletes what is there and passes over what is not, more than one batch holds", async () => {
    const store = await open();
    const names = Array.from({ length: 300 }, (_, n) => `s/${n}`);
    await Promise.all(
      names.filter((_, n) => n % 3 === 0).map((name) => store.put(name, text("x"), "absent")),
    );
    await store.put("kept", text("x"), "absent");
    await store.delete(names);
    await store.delete(names);
    await store.delete([]);
    await store.delete(["s/1"]);
    expect(await namesIn(store, "")).toEqual(["kept"]);
  });

  test("takes a name again after its deletion", async () => {
    const store = await open();
    const before = await store.put("x", text("old"), "absent");
    await store.delete(["x", "x"]);
    expect(await store.get("x")).toBeUndefined();
    await expect(store.put("x", text("?"), { unchangedSince: before })).rejects.toMatchObject({
      code: "ObjectChanged",
    });
    await store.put("x", text("new"), "absent");
    expect(String((await store.get("x"))?.body)).toBe("new");
  });
}

function roundTrips(open: () => Promise<ObjectStore>, runs: number): void {
  test("keeps any bytes under any proper name", async () => {
    const store = await open();
    const segment = fc.stringMatching(/^[A-Za-z0-9._-]{0,8}[A-Za-z0-9_-]$/);
    const body = fc.uint8Array({ maxLength: 5000 });
    await fc.assert(
      fc.asyncProperty(segment, body, async (name, content) => {
        await store.put(`p/${name}.x`, content, "any");
        for (const check of ["checked", "unchecked"] as const)
          expect((await store.get(`p/${name}.x`, check))?.body).toEqual(Buffer.from(content));
      }),
      { numRuns: runs },
    );
  });
}
