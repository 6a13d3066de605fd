/** As `mapInOrder`, all results at once. */
export async function inParallel<Item, Result>(
  items: Iterable<Item>,
  parallel: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for await (const result of mapInOrder(items, parallel, map)) results.push(result);
  return results;
}

/**
 * Maps with at most `parallel` calls in flight and yields the results in the order of the items. Begins with one call
 * and widens by one with each result, so a probe that finds nothing has cost one call. After an error, or when the
 * consumer stops, it takes no further item and waits for the calls in flight before it ends.
 */
export async function* mapInOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  parallel: number,
  map: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const flying: Promise<Result>[] = [];
  let done = 0;
  try {
    for await (const item of items) {
      const call = map(item);
      // Seen when its turn comes; until then it must not count as unhandled.
      call.catch(() => undefined);
      flying.push(call);
      while (flying.length >= Math.min(parallel, done + 1)) {
        const [first] = flying;
        if (first) yield await first;
        void flying.shift();
        done++;
      }
    }
    for (let first = flying[0]; first; first = flying[0]) {
      yield await first;
      void flying.shift();
    }
  } finally {
    await Promise.allSettled(flying);
  }
}
