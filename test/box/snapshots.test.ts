import { open } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { armId } from "../../engine/core/ids.ts";
import { bytes } from "../../engine/core/units.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import { allOrders, checkIntegrity } from "../../local/demo/ledger-client.ts";
import { ledgerOf } from "../../local/demo/scene.ts";
import { bootImage } from "../../local/demo/target-disk.ts";
import { vantageOn } from "../../local/demo/vantage.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { compareOrders } from "../../local/machine/proof.ts";
import { BoxFixture } from "./fixture.ts";

/*
 * A machine without an agent: captured by incremental snapshots while customers write, verified, and failed over when its region
 * is lost. What the customers were told before the image is in the copy. The tests build on each other.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

let customers: Customers;

const POLICY = {
  capture: "snapshots",
  imageInterval: 60_000,
  replica: "none",
  verifyInterval: 2000,
};

test("it is protected by its first image, and has a point of each image", async () => {
  const now = await box.protected(POLICY);
  expect(now.leeward.policy).toMatchObject({ capture: "snapshots", imageInterval: 60_000 });
  customers = await box.openShop(5);
  const points = await box.until(
    "a point with writes of the customers",
    ({ leeward }) => (leeward.latestPoint?.sequence ?? 0) > (now.leeward.latestPoint?.sequence ?? 0),
    300_000,
  );
  expect(points.healthErrors).toEqual([]);
});

test("losses are told as the time since the newest image, whatever was written since", async () => {
  const { leeward } = await box.look();
  const { losses, latestPoint } = leeward;
  const since = (Date.now() - Date.parse(latestPoint?.time ?? "")) / 1000;
  expect(losses?.region.seconds).toBeGreaterThan(since - 20);
  expect(losses?.vm.seconds).toBeLessThanOrEqual((losses?.region.seconds ?? 0) + 1);
});

test("a point with orders is verified", async () => {
  const { healthErrors } = await box.until(
    "a verified point",
    ({ leeward: { verification, latestPoint } }) => verification?.verifiedPoint === latestPoint?.id,
    300_000,
  );
  expect(healthErrors).toEqual([]);
});

test("its region is lost, and the copy has every order that was acknowledged before the image", async () => {
  const { leeward } = await box.look();
  await box.closeShop();
  await box.box.loseSource();
  const sent = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, {
    properties: { providerSpecificDetails: { instanceType: "A2A" } },
  });
  expect(sent.status).toBe(202);
  const ended = await box.until(
    "the failover",
    ({ leeward: { failover } }) => Boolean(failover?.endTime),
    240_000,
  );
  const sight = await vantageOn(box.box, leeward.machine, ended.leeward.failover?.point ?? "");
  const digests = await blockDigestsAt(sight);
  for (const { index, size } of sight.point.disks) {
    const file = await open(bootImage(box.box, { properties: ended }, index) ?? "", "r");
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, offset);
      return buffer;
    };
    expect(await verifyImage(read, bytes(size), digests.get(index) ?? Buffer.alloc(0))).toEqual([]);
    await file.close();
  }
  const vm = armId(ended.providerSpecificDetails.recoveryFabricObjectId ?? "");
  const url = await waitFor("the ledger of the copy", () => ledgerOf(box.box, vm), 60_000);
  expect(await checkIntegrity(url)).toMatchObject({ ok: true });
  const found = compareOrders(customers.log, await allOrders(url), sight.point.time);
  expect(found.counts.acknowledgedBefore).toBeGreaterThan(0);
  expect([found.missing, found.changed, found.unknown]).toEqual([[], [], []]);
});
