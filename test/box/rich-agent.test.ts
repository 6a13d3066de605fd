import { afterAll, beforeAll, expect, test } from "vitest";
import { MIB } from "../../engine/core/units.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { ordersProved } from "../../local/machine/proof.ts";
import { BoxFixture } from "./fixture.ts";
import { expectDisksOfPoint, expectRichCopy, failOverFromLoss, ordersOfCopy } from "./rich-copy.ts";
import { RICH, enrich } from "./rich-machine.ts";

/*
 * A machine with three disks, two interfaces, an availability set, security groups and tags, replicated by the agent, loses its
 * region and is built in the other one: with all of that, and with its data. The tests build on each other.
 */

const box = new BoxFixture();
let customers: Customers;
beforeAll(async () => {
  await box.open("*/2 * * * * *", RICH, 12 * MIB);
  await enrich(box.box);
});
afterAll(() => box.close());

const POLICY = { sealAge: 1000, heartbeatEvery: 500, pointInterval: 4000, replica: "warm" };

test("it is protected with all its disks, while customers write to them", async () => {
  await box.protected(POLICY);
  customers = await box.openShop(11);
  const before = await waitFor("a point", async () => (await box.points()).at(-1), 120_000);
  expect(before.properties.leeward.disks.map(({ size }) => size)).toEqual([96 * MIB, 32 * MIB, 32 * MIB]);
  await waitFor(
    "points with orders",
    async () => (customers.figures.acknowledged > 20 && (await box.points()).length >= 4) || undefined,
    120_000,
  );
});

test("its region is lost, and the copy has its size, disks, interfaces, addresses, groups, set and tags", async () => {
  const over = await failOverFromLoss(box);
  expect(over.leeward.failover?.road).toBe("import");
  await expectRichCopy(box, over);
});

test("its disks are those of the point, block by block, and every order of before it is there", async () => {
  const over = await box.look();
  await expectDisksOfPoint(box, over);
  expect(ordersProved(await ordersOfCopy(box, over, customers))).toBe(true);
});
