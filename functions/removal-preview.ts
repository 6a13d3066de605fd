import { machinePrefix } from "../engine/journal/names.ts";
import { type DeletedThing, type LeftThing } from "../engine/recovery/removed.ts";
import type { ItemRecord } from "../engine/recovery/item.ts";
import { type Ours, ourResources, whyItsUsers } from "./activities/our-resources.ts";
import { whySharedStays } from "./activities/remove-shared.ts";
import { findItem } from "./find-item.ts";
import { route } from "./http.ts";
import { PATHS, itemIn } from "./paths.ts";
import type { Services } from "./services.ts";

/** What a removal would delete now, and what it would leave. Nothing is changed; what others do meanwhile may change it. */
route(
  "previewRemoval",
  { method: "GET", path: `${PATHS.item}/leewardRemoval`, role: "Reader", versioned: true },
  async ({ services, request }) => {
    const item = await findItem(services, itemIn(request));
    return { jsonBody: { properties: await preview(services, item) } };
  },
);

async function preview(services: Services, item: ItemRecord) {
  const { ours, silent, refused } = await ourResources(services, item);
  const deleted: DeletedThing[] = placesOf(item).map((name) => ({ type: "objects", name }));
  const left: LeftThing[] = [...silent, ...refused];
  for (const one of ours) {
    const thing = { type: one.type, name: one.id };
    const why = await whyLeft(services, item, one);
    if (why === undefined) deleted.push(thing);
    else left.push({ ...thing, why });
  }
  return { deleted, left };
}

/** The journal and its points, the replica, and what waits in the cache. */
const placesOf = ({ machine, target }: ItemRecord): string[] =>
  ["target", ...(target?.replica ? ["replica"] : []), ...(target ? ["cache"] : [])].map(
    (account) => `${account}/${machinePrefix(machine)}`,
  );

async function whyLeft(services: Services, item: ItemRecord, one: Ours): Promise<string | undefined> {
  if (one.owner.machine !== "shared") return whyItsUsers(item, one);
  const why = (await whySharedStays(services, item, one))?.why;
  // Ours are still in it, and go before it.
  return why === undefined || why.includes(machinePrefix(item.machine)) ? undefined : why;
}
