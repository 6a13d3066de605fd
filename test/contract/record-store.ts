import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RecordStore, etagOf } from "../../engine/storage/store.ts";
import { collect } from "../fixtures/collect.ts";

const keysIn = async (store: RecordStore, kind: string) =>
  (await collect(store.list(kind))).map(({ key }) => key);

/** What every RecordStore promises; `open` gives an empty one. */
export function recordStorePromises(open: () => Promise<RecordStore>, runs: number): void {
  describe("a record store", () => {
    conditions(open);
    documents(open, runs);
    keys(open, runs);
  });
}

function conditions(open: () => Promise<RecordStore>): void {
  test("gives back what was put, with the same ETag everywhere", async () => {
    const store = await open();
    const etag = await store.put("item", "vm-1", { state: "protected", points: [1, 2] }, "absent");
    const record = { key: "vm-1", value: { state: "protected", points: [1, 2] }, etag };
    expect(await store.get("item", "vm-1")).toEqual(record);
    expect(await collect(store.list("item"))).toEqual([record]);
  });

  test("has undefined for what is not there", async () => {
    const store = await open();
    await store.put("item", "one", 1, "absent");
    expect(await store.get("item", "two")).toBeUndefined();
    expect(await store.get("job", "one")).toBeUndefined();
    expect(await keysIn(store, "job")).toEqual([]);
  });

  test("never overwrites with `absent`, always with `any`", async () => {
    const store = await open();
    await store.put("item", "x", { first: true }, "absent");
    await expect(store.put("item", "x", { second: true }, "absent")).rejects.toMatchObject({
      code: "ObjectExists",
    });
    expect((await store.get("item", "x"))?.value).toEqual({ first: true });
    await store.put("item", "x", { third: true }, "any");
    expect((await store.get("item", "x"))?.value).toEqual({ third: true });
  });

  test("changes with an ETag only what is unchanged since", async () => {
    const store = await open();
    const first = await store.put("item", "x", 1, "any");
    const second = await store.put("item", "x", 2, { unchangedSince: first });
    for (const stale of [first, etagOf("W/\"datetime'2020-01-01T00%3A00%3A00.0000000Z'\"")])
      await expect(store.put("item", "x", 3, { unchangedSince: stale })).rejects.toMatchObject({
        code: "ObjectChanged",
      });
    await expect(store.put("item", "y", 3, { unchangedSince: second })).rejects.toMatchObject({
      code: "ObjectChanged",
    });
    expect(await store.get("item", "x")).toEqual({ key: "x", value: 2, etag: second });
    expect(await store.get("item", "y")).toBeUndefined();
  });

  test.each(["absent", "unchangedSince"] as const)("lets one of many win with `%s`", async (kind) => {
    const store = await open();
    const condition =
      kind === "absent" ? kind : { unchangedSince: await store.put("item", "x", 0, "absent") };
    const puts = Array.from({ length: 8 }, (_, n) => store.put("item", "x", { writer: n }, condition));
    const results = await Promise.allSettled(puts);
    const winners = results.flatMap(({ status }, n) => (status === "fulfilled" ? [n] : []));
    expect(winners).toHaveLength(1);
    expect((await store.get("item", "x"))?.value).toEqual({ writer: winners[0] });
  });

  test("gives each of many quick changes an ETag of its own", async () => {
    const store = await open();
    const etags = new Set<string>();
    for (let n = 0; n < 50; n++) etags.add(await store.put("item", "x", n, "any"));
    expect(etags.size).toBe(50);
  });

  test("deletes with an ETag only what is unchanged since", async () => {
    const store = await open();
    const first = await store.put("item", "x", 1, "absent");
    const second = await store.put("item", "x", 2, "any");
    await expect(store.delete("item", "x", first)).rejects.toMatchObject({ code: "ObjectChanged" });
    expect((await store.get("item", "x"))?.value).toBe(2);
    await store.delete("item", "x", second);
    expect(await store.get("item", "x")).toBeUndefined();
    await store.delete("item", "x", second);
  });

  test("deletes what is there and passes over what is not", async () => {
    const store = await open();
    await store.put("item", "x", 1, "absent");
    await store.put("job", "x", 1, "absent");
    await store.delete("item", "x");
    await store.delete("item", "x");
    expect(await store.get("item", "x")).toBeUndefined();
    expect(await store.get("job", "x")).toBeDefined();
    await store.put("item", "x", 2, "absent");
  });

  test("makes its table as often as asked", async () => {
    const store = await open();
    await store.put("item", "x", 1, "absent");
    await store.ensureTable();
    await store.ensureTable();
    expect(await store.get("item", "x")).toBeDefined();
  });
}

function documents(open: () => Promise<RecordStore>, runs: number): void {
  test("keeps any JSON", async () => {
    const store = await open();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: "grapheme" }), async (value) => {
        await store.put("any", "x", value, "any");
        expect((await store.get("any", "x"))?.value).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: runs },
    );
  });

  test("a shorter document leaves nothing of a longer one", async () => {
    const store = await open();
    await store.put("item", "x", { long: "x".repeat(400_000), other: 1 }, "any");
    await store.put("item", "x", { short: 1 }, "any");
    expect((await store.get("item", "x"))?.value).toEqual({ short: 1 });
  });

  // In each place a character may lie across the seam of two packets or of two pieces; the quotes take two bytes.
  test.each([
    ["x", 1],
    ["é", 6],
    ["€", 6],
    ["🌊", 12],
    ["x🌊", 13],
  ])("keeps a document of 480,000 bytes made of %s, and no more", async (unit, size) => {
    const store = await open();
    const most = unit.repeat(Math.floor(479_998 / size)) + "-".repeat(479_998 % size);
    await store.put("item", "x", most, "any");
    expect((await store.get("item", "x"))?.value === most).toBe(true);
    await expect(store.put("item", "x", `${most}-`, "any")).rejects.toThrow(RangeError);
    expect((await store.get("item", "x"))?.value === most).toBe(true);
  });

  test.each([undefined, () => 1, Symbol("x")])("refuses %s, which is no JSON", async (value) => {
    const store = await open();
    await expect(store.put("item", "x", value, "any")).rejects.toThrow(RangeError);
    expect(await store.get("item", "x")).toBeUndefined();
  });
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

function keys(open: () => Promise<RecordStore>, runs: number): void {
  test("lists a kind ascending by the bytes of its keys, and no other kind", async () => {
    const store = await open();
    const unsorted = [
      "b",
      "a",
      "B",
      "10",
      "9",
      "a/b",
      "a-b",
      "a b",
      "a~b",
      "~",
      "é",
      "🌊",
      "'",
      "a'b",
      "\uffee",
    ];
    await Promise.all(unsorted.map((key) => store.put("kind", key, key, "absent")));
    await store.put("kin", "d", 1, "absent");
    await store.put("kind/", "d", 1, "absent");
    const sorted = unsorted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await keysIn(store, "kind")).toEqual(sorted);
  });

  test("gives pages of a kind, each behind a key, and nothing twice while others come and go", async () => {
    const store = await open();
    const keys = ["a", "b", "c.1", "c_2", "d-3", "e"];
    await Promise.all(keys.map((key) => store.put("kind", key, key, "absent")));
    await store.put("kin", "0", 1, "absent");
    await store.put("kind/", "z", 1, "absent");
    const page = async (limit: number, after?: string) =>
      (await store.page("kind", limit, after)).map(({ key }) => key);
    expect(await page(3)).toEqual(["a", "b", "c.1"]);
    await store.delete("kind", "c.1");
    await store.put("kind", "aa", "aa", "absent");
    expect(await page(2, "c.1")).toEqual(["c_2", "d-3"]);
    expect(await page(2, "d-3")).toEqual(["e"]);
    expect(await page(1, "e")).toEqual([]);
    expect(await page(1, "zz")).toEqual([]);
    expect(await page(1000)).toEqual(["a", "aa", "b", "c_2", "d-3", "e"]);
    expect(await store.page("nothing", 10)).toEqual([]);
  });

  test("gives every record once by pages, whatever its key", async () => {
    const store = await open();
    const keys = ["a/b", "a b", "~", "é", "'", "a'b", "B", "10", "9"];
    for (const key of keys) await store.put("kind", key, { key }, "absent");
    const found: string[] = [];
    for (
      let page = await store.page("kind", 2);
      page.length > 0;
      page = await store.page("kind", 2, found.at(-1))
    )
      for (const { key, value } of page) {
        expect(value).toEqual({ key });
        found.push(key);
      }
    expect(found.toSorted(byText)).toEqual(keys.toSorted(byText));
  });

  test("takes any text as a key", async () => {
    const store = await open();
    const key = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(key, async (name) => {
        await store.put("any/kind", name, { name }, "any");
        expect((await store.get("any/kind", name))?.value).toEqual({ name });
        expect(await keysIn(store, "any/kind")).toContain(name);
        await store.delete("any/kind", name);
        expect(await store.get("any/kind", name)).toBeUndefined();
      }),
      { numRuns: runs },
    );
  });

  test.each(["", "x".repeat(513), "/".repeat(171), "\ud800"])("refuses the key %j", async (key) => {
    const store = await open();
    await expect(store.put("item", key, 1, "any")).rejects.toThrow(RangeError);
    await expect(store.get("item", key)).rejects.toThrow(RangeError);
    await expect(store.put(key, "x", 1, "any")).rejects.toThrow(RangeError);
    expect(await keysIn(store, "item")).toEqual([]);
  });

  test("takes the longest key", async () => {
    const store = await open();
    await store.put("item", "x".repeat(512), 1, "absent");
    expect(await keysIn(store, "item")).toEqual(["x".repeat(512)]);
  });
}
