import { app } from "@azure/functions";
import { mapInOrder } from "../engine/core/in-order.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { readinessDue } from "../engine/recovery/readiness.ts";
import { checkReadiness } from "./readiness.ts";
import { type Services, services } from "./services.ts";

/** A look is some 20 calls to ARM; so many each minute keep 1,500 machines looked at every half hour. */
const MOST_EACH_TIME = 50;
const AT_ONCE = 4;

/** Looks whether protected machines would still come up in their target. Nothing waits for it, so it is no orchestration. */
app.timer("readinessTimer", {
  schedule: "%LEEWARD_POINT_SCHEDULE%",
  handler: async () => {
    const found = await services();
    for await (const _ of mapInOrder(dueItems(found), AT_ONCE, (item) => checkReadiness(found, item)));
  },
});

async function* dueItems({ records, clock }: Services): AsyncGenerator<ItemRecord> {
  let left = MOST_EACH_TIME;
  for await (const item of records.items.list()) {
    if (left === 0) return;
    const known = (await records.readiness.get(item.machine))?.value;
    if (!readinessDue(clock.now(), item, known)) continue;
    left--;
    yield item;
  }
}
