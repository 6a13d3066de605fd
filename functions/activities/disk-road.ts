import { findDisk, isMadeBy } from "../../engine/azure/disk.ts";
import { assertOwned, remove } from "../../engine/azure/resource.ts";
import { importName } from "../../engine/journal/names.ts";
import { type ItemRecord, endpointOf, everyDisk, itemKeyOf } from "../../engine/recovery/item.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import type { BarrierId } from "../../engine/core/ids.ts";
import { roleIn, targetDisk } from "../../engine/recovery/target-names.ts";
import { copyOf } from "../../engine/recovery/test-target.ts";
import { abandonUpload } from "./disks.ts";
import { note } from "./failover-note.ts";
import { sent } from "./target.ts";
import { type Implementations, armFor, itemOf } from "./tools.ts";

export const diskRoadActivities = {
  async clearDisk({ machine, test, disk: index, point, road }, { services }) {
    const item = await itemOf(services, machine);
    const target = copyOf(item, { test });
    const arm = armFor(services, { test });
    const name = everyDisk(item).find((disk) => disk.index === index)?.name;
    if (name === undefined) throw new LeewardError("NotFound", `machine ${machine} has no disk ${index}`);
    if (road === "upload" && target.replica)
      await services
        .pagesAt(endpointOf(target.replica))
        .delete(importName(machine, index, point, target.purpose));
    const id = targetDisk(target, name, point);
    const found = await findDisk(arm, id);
    // One that a machine has is whole, whichever way it came.
    if (!found || found.managedBy !== undefined || isMadeBy(road, found)) return {};
    const owner = { machine, role: roleIn(target, "disk") };
    assertOwned(id, found, owner);
    await abandonUpload(services, item, { index, id });
    return sent(await remove(arm, id, owner));
  },

  async giveUpImport({ machine, test, point, why }, { services }) {
    const { records } = services;
    const item = await records.items.update(itemKeyOf(machine), (old) =>
      test ? withTest(old, point, why) : withFailover(old, point, why),
    );
    if (test && item.test)
      await records.jobs.update(item.test.operation, (old) =>
        old.test ? { ...old, test: { ...old.test, road: "upload" } } : old,
      );
    await note(services, { machine, ...(test && { test }) }, importWords(why));
    return null;
  },
} satisfies Partial<Implementations>;

function withFailover(item: ItemRecord, point: BarrierId, why: string): ItemRecord {
  const { failover } = item;
  if (failover?.point !== point) return item;
  return { ...item, failover: { ...failover, importRefused: why, road: "upload" } };
}

function withTest(item: ItemRecord, point: BarrierId, why: string): ItemRecord {
  const { test } = item;
  if (test?.chosen?.point !== point) return item;
  return { ...item, test: { ...test, importRefused: why, chosen: { ...test.chosen, road: "upload" } } };
}

/** What somebody should know of it. */
export const importWords = (why: string): string =>
  `the disks could not be imported from the replica, and are rebuilt from the journal: ${why}`;
