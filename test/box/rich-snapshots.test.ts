import { afterAll, beforeAll, expect, test } from "vitest";
import { GIB, MIB } from "../../engine/core/units.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { BoxFixture } from "./fixture.ts";
import { expectDisksOfPoint, expectRichCopy, failOverFromLoss, ordersOfCopy } from "./rich-copy.ts";
import { RICH, armOf, enrich, shopId } from "./rich-machine.ts";

/*
 * The machine of `rich-agent.test.ts` with nothing installed on it: replicated by snapshots of its disks, one of which grows
 * meanwhile, it loses its region and is built in the other one. The tests build on each other.
 */

const box = new BoxFixture();
let customers: Customers;
beforeAll(async () => {
  await box.open("*/2 * * * * *", RICH, 12 * MIB);
  await enrich(box.box);
});
afterAll(() => box.close());

const POLICY = { capture: "snapshots", imageInterval: 3_600_000, replica: "none", verifyInterval: 2000 };
const change = (policy: unknown) =>
  box.call("PATCH", box.item("Ledger"), { properties: { leeward: { policy } } });
const sizes = [96 * MIB, 32 * MIB, 32 * MIB];

test("it is protected with all its disks by one image of each, and a point says how far they are apart", async () => {
  await box.protected(POLICY);
  customers = await box.openShop(11);
  const [first] = await box.points();
  expect(first?.properties.leeward.disks.map(({ size }) => size)).toEqual(sizes);
  expect(first?.properties.leeward["spread"]).toBeGreaterThan(0);
});

test("its images come more often when that is asked for, and an agent does not take their place", async () => {
  expect(await change({ capture: "nbd" })).toMatchObject({
    status: 400,
    body: { error: { message: expect.stringContaining("enable it again with the other one") } },
  });
  expect(await change({ imageInterval: 60_000 })).toMatchObject({
    status: 200,
    body: { properties: { leeward: { policy: { capture: "snapshots", imageInterval: 60_000 } } } },
  });
  await waitFor(
    "another point with orders",
    async () => (customers.figures.acknowledged > 20 && (await box.points()).length >= 2) || undefined,
    240_000,
  );
});

test("a disk of it grows: it is compared by itself, older points keep their size, and newer ones have the new", async () => {
  const disk = shopId(box.box, "Microsoft.Compute/disks", "ledger-data-3");
  await armOf(box.box).patch(disk, { properties: { diskSizeGB: 1 } });
  const found = await waitFor(
    "a point of the larger disk",
    async () => (await box.points()).findLast(({ properties }) => properties.leeward.generation > 1),
    540_000,
  );
  expect(found.properties.leeward.disks.map(({ size }) => size)).toEqual([sizes[0], sizes[1], GIB]);
  const [first] = await box.points();
  expect(first?.properties.leeward.disks.map(({ size }) => size)).toEqual(sizes);
  const { leeward, healthErrors } = await box.look();
  expect(leeward.resync).toMatchObject({ reason: "resize" });
  expect(healthErrors).toEqual([]);
});

test("a test failover to a point from before builds the disk as large as it was", async () => {
  const [first] = await box.points();
  const recoveryPointId = `${box.item("Ledger")}/recoveryPoints/${first?.name}`;
  const details = { instanceType: "A2A", recoveryPointId };
  const sent = await box.call("POST", `${box.item("Ledger")}/testFailover`, {
    properties: { providerSpecificDetails: details },
  });
  expect(sent.status).toBe(202);
  await box.until("the test", ({ leeward }) => leeward.test?.state === "ready");
  const group = "Shop-Recovery";
  const names = await box.armNames(group, "Microsoft.Compute/disks");
  const found = await Promise.all(
    ["os", "data-0", "data-3"].map(async (kind) => {
      const name = names.find((one) => one.includes(kind)) ?? "";
      return (await armOf(box.box).get(shopId(box.box, "Microsoft.Compute/disks", name, group))).body;
    }),
  );
  expect(found).toMatchObject(sizes.map((diskSizeBytes) => ({ properties: { diskSizeBytes } })));
  await box.call("POST", `${box.item("Ledger")}/testFailoverCleanup`, { properties: {} });
  await box.until("the end of the test", ({ leeward }) => leeward.test === null);
});

test("its region is lost, and the copy has its size, disks, interfaces, addresses, groups, set and tags", async () => {
  const over = await failOverFromLoss(box);
  expect(over.leeward.failover?.road).toBe("upload");
  await expectRichCopy(box, over);
});

test("its disks are those of the point, block by block, and every order of before it is there", async () => {
  const over = await box.look();
  await expectDisksOfPoint(box, over);
  const found = await ordersOfCopy(box, over, customers);
  expect(found.counts.acknowledgedBefore).toBeGreaterThan(0);
  expect([found.missing, found.changed, found.unknown]).toEqual([[], [], []]);
});
