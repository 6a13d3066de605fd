import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mapInOrder } from "../../../../engine/core/in-order.ts";

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await Promise.resolve();
};

describe("mapInOrder", () => {
  test("yields every result in the order of the items, whatever each takes, and never has more in flight", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30)), fc.integer({ min: 1, max: 6 }), async (waits, parallel) => {
        let flying = 0;
        let most = 0;
        const results = await collect(
          mapInOrder(waits.entries(), parallel, async ([i, wait]) => {
            most = Math.max(most, ++flying);
            await turns(wait);
            flying--;
            return i;
          }),
        );
        expect(results).toEqual([...waits.keys()]);
        expect(most).toBeLessThanOrEqual(parallel);
      }),
    );
  });

  test("asks once before it asks many times", async () => {
    let asked = 0;
    for await (const found of mapInOrder([1, 2, 3, 4, 5, 6], 4, async () => ++asked)) {
      expect(found).toBe(1);
      break;
    }
    expect(asked).toBe(1);
  });

  test("throws the first error in order, after all calls in flight have ended", async () => {
    let running = 0;
    const failed = collect(
      mapInOrder([0, 1, 2, 3, 4, 5, 6, 7], 4, async (n) => {
        running++;
        await turns(n === 5 ? 1 : 40);
        running--;
        if (n >= 4) throw new Error(`call ${n}`);
      }),
    );
    await expect(failed).rejects.toThrow("call 4");
    expect(running).toBe(0);
  });

  test("passes on an error of the items and takes no further one", async () => {
    function* items() {
      yield 1;
      throw new Error("no more");
    }
    await expect(collect(mapInOrder(items(), 3, async (n) => n))).rejects.toThrow("no more");
  });
});
