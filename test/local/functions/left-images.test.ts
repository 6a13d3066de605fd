import { afterEach, beforeEach, expect, test } from "vitest";
import { listSnapshots } from "../../../engine/azure/snapshot.ts";
import type { ImageName } from "../../../engine/capture/image.ts";
import { generation, micros } from "../../../engine/core/units.ts";
import { captureName } from "../../../engine/journal/names.ts";
import { type ItemRecord, itemKey } from "../../../engine/recovery/item.ts";
import { captureActivities } from "../../../functions/activities/capture.ts";
import { diskImages, imagedIn } from "../../../functions/activities/disk-images.ts";
import { tendLeftImages } from "../../../functions/left-images.ts";
import { collect } from "../../fixtures/collect.ts";
import { WEST, finished, groupId, idOf } from "../arm/fixture.ts";
import {
  NOW,
  begun,
  box,
  closeScene,
  disabled,
  openScene,
  protectedMachine,
  run,
  services,
  whyLeft,
} from "./disable-scene.ts";

beforeEach(openScene);
afterEach(closeScene);

const SNAPSHOTS = `${groupId("shop")}/providers/Microsoft.Compute/snapshots`;
const IMAGE: ImageName = { generation: generation(1), number: 1 };
const FOREIGN = idOf("shop", "Microsoft.Compute/snapshots", "theirs");

/** Captured by images, of which one is there and open for reading; beside it is one that somebody else took. */
async function imagedMachine(): Promise<ItemRecord> {
  const disk = idOf("shop", "Microsoft.Compute/disks", "os");
  const sku = { name: "Premium_LRS" };
  const empty = { creationData: { createOption: "Empty" }, diskSizeGB: 1 };
  await finished(box.client, await box.client.put(disk, { location: WEST, sku, properties: empty }));
  const creationData = { createOption: "Copy", sourceResourceId: disk };
  const theirs = { location: WEST, properties: { creationData, incremental: true } };
  await finished(box.client, await box.client.put(FOREIGN, theirs));
  const { id } = await protectedMachine("ledger");
  const item = await services.records.items.update(itemKey(id), (old) => ({
    ...old,
    policy: { ...old.policy, capture: "snapshots" as const },
  }));
  const images = diskImages(services, imagedIn(item));
  await images.take(IMAGE);
  while ((await images.look(IMAGE)).state !== "ready") await new Promise((resolve) => setTimeout(resolve, 5));
  const [first] = imagedIn(item).disks;
  if (first) await images.open(IMAGE, undefined, first.index);
  return item;
}

const imagesOf = ({ machine }: ItemRecord) =>
  listSnapshots(box.client, groupId("shop"), { machine, role: "capture" });
const region = (what: "lose" | "restore") => box.admin("POST", `/box/regions/${WEST}/${what}`);
const at = (minutes: number) => ({
  ...services,
  clock: { ...services.clock, now: () => micros(NOW + minutes * 60e6) },
});
const leftNow = () => collect(services.records.leftImages.list());
const tools = () => ({ services, client: Object.create(null) });

test("a removal closes and deletes the machine's snapshots, names them, and leaves those of others", async () => {
  const item = await imagedMachine();
  const [image] = await imagesOf(item);
  const job = await disabled(item);
  expect(job).toMatchObject({ state: "Succeeded" });
  expect(job.removed?.deleted).toContainEqual({ type: "Microsoft.Compute/snapshots", name: image });
  expect(await imagesOf(item)).toEqual([]);
  expect(await box.client.find(FOREIGN)).toBeDefined();
  expect(await leftNow()).toEqual([]);
});

test("a purge while the region does not answer says who deletes the snapshots later, and that happens once it answers", async () => {
  const item = await imagedMachine();
  await region("lose");
  const job = await disabled(item, true);
  expect(job).toMatchObject({ state: "Succeeded" });
  expect(whyLeft(job, SNAPSHOTS)).toContain("Leeward deletes the machine's images once their region answers");
  expect(await services.records.items.get(itemKey(item.id))).toBeUndefined();
  expect(await leftNow()).toMatchObject([{ machine: item.machine, since: NOW }]);
  await tendLeftImages(at(11));
  expect(await leftNow()).toMatchObject([{ machine: item.machine, since: NOW, triedAt: NOW + 11 * 60e6 }]);
  await region("restore");
  await tendLeftImages(at(20));
  expect(await imagesOf(item)).toHaveLength(1);
  await tendLeftImages(at(21));
  expect(await imagesOf(item)).toEqual([]);
  expect(await box.client.find(FOREIGN)).toBeDefined();
  expect(await leftNow()).toEqual([]);
});

test("a removal while the region does not answer fails, and does the rest when it is tried again", async () => {
  const item = await imagedMachine();
  await region("lose");
  const leaving = await begun(item);
  await run(leaving);
  expect((await services.records.jobs.get(leaving.job.operation))?.value.state).toBe("Failed");
  await region("restore");
  const again = await services.records.items.get(itemKey(item.id));
  if (!again) throw new Error("the item is gone");
  expect(await disabled(again.value)).toMatchObject({ state: "Succeeded" });
  expect(await imagesOf(item)).toEqual([]);
});

test("what a failover leaves in the lost region goes when the region is back, unless the machine is captured again", async () => {
  const item = await imagedMachine();
  await services.records.items.update(itemKey(item.id), (old) => ({
    ...old,
    state: "UnplannedFailoverCommitPending",
  }));
  await region("lose");
  await services.target.put(captureName(item.machine), Buffer.from("what was known of them"), "absent");
  const ended = await captureActivities.capture({ machine: item.machine }, tools());
  expect(ended).toMatchObject({ state: "ended" });
  expect(await services.target.get(captureName(item.machine))).toBeUndefined();
  expect(await leftNow()).toHaveLength(1);
  await region("restore");
  await services.records.items.update(itemKey(item.id), (old) => ({ ...old, state: "Protected" }));
  await tendLeftImages(at(11));
  expect(await imagesOf(item)).toHaveLength(1);
  expect(await leftNow()).toEqual([]);
});
