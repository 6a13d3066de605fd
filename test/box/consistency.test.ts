import { readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { MIB, bytes, diskIndex } from "../../engine/core/units.ts";
import { allOrders, checkIntegrity } from "../../local/demo/ledger-client.ts";
import { ledgerOf } from "../../local/demo/scene.ts";
import { bootImage } from "../../local/demo/target-disk.ts";
import { vantageOn } from "../../local/demo/vantage.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { Customers } from "../../local/machine/customers.ts";
import { compareOrders, ordersProved } from "../../local/machine/proof.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import { armId } from "../../engine/core/ids.ts";
import { BoxFixture } from "./fixture.ts";

/*
 * A machine with three disks of different sizes: the database, its log and a tape that is written after each commit.
 * Application-consistent points are made by freezing the ledger; then its region is lost. The tests build on each other.
 */

const SIZES = [192 * MIB, 48 * MIB, 16 * MIB] as const;

const box = new BoxFixture();
let customers: Customers | undefined;
beforeAll(() => box.open("*/2 * * * * *", [{ name: "ledger", disks: SIZES }], 24 * MIB));
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 4000,
  applicationInterval: 8000,
  checkpointInterval: 5000,
};

test("a machine with three disks comes to application-consistent points, and orders go on", async () => {
  expect((await box.protect("Ledger", POLICY)).status).toBe(202);
  customers = await box.openShop(7);
  const found = await waitFor(
    "two application-consistent points",
    async () => {
      const application = (await box.points()).filter(
        (one) => one.properties.recoveryPointType === "AppConsistent",
      );
      return application.length >= 2 ? application : undefined;
    },
    240_000,
  );
  expect(found[0]?.properties.leeward.disks.map(({ size }) => size)).toEqual([...SIZES]);
  const before = customers.figures.acknowledged;
  await waitFor(
    "more orders",
    async () => (customers?.figures.acknowledged ?? 0) > before || undefined,
    30_000,
  );
  const crash = (await box.points()).filter((one) => one.properties.recoveryPointType === "CrashConsistent");
  expect(crash.length).toBeGreaterThan(0);
});

test("after the loss of the region the newest application-consistent point needs no recovery, on any disk", async () => {
  await box.box.loseSource();
  await box.closeShop();
  const body = {
    properties: {
      providerSpecificDetails: { instanceType: "A2A" },
      leeward: { recoveryPointType: "LatestApplicationConsistent" },
    },
  };
  const sent = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, body);
  expect(sent.status).toBe(202);
  const failedOver = await box.until("the failover", ({ leeward: { state } }) => {
    if (state === "FailoverFailed") throw new Error("the failover failed");
    return state === "UnplannedFailoverCommitPending";
  });
  const { failover, machine } = failedOver.leeward;
  const sight = await vantageOn(box.box, machine, failover?.point ?? "");
  expect(sight.point.consistency).toBe("application");

  const digests = await blockDigestsAt(sight);
  for (const [index, size] of SIZES.entries()) {
    const file = bootImage(box.box, { properties: failedOver }, index) ?? "";
    expect(statSync(file).size).toBe(size);
    const content = readFileSync(file);
    const read = async (offset: number, length: number) => content.subarray(offset, offset + length);
    const proved = digests.get(diskIndex(index)) ?? new Uint8Array();
    expect(await verifyImage(read, bytes(size), proved)).toEqual([]);
  }

  const vm = armId(failedOver.providerSpecificDetails.recoveryFabricObjectId ?? "");
  const url = await waitFor("the ledger", () => ledgerOf(box.box, vm), 30_000);
  const integrity = z
    .object({ ok: z.boolean(), logEmpty: z.boolean(), last: z.number(), taped: z.number() })
    .parse(await (await fetch(new URL("/integrity", url))).json());
  expect(integrity).toMatchObject({ ok: true, logEmpty: true });
  // Nobody was at work between commit and tape.
  expect(integrity.taped).toBe(integrity.last);
  expect((await checkIntegrity(url)).ok).toBe(true);
  const compared = compareOrders(
    customers?.log ?? { acknowledged: [], unanswered: [] },
    await allOrders(url),
    sight.point.time,
  );
  expect(ordersProved(compared)).toBe(true);
});

test("the target VM has its OS disk, and the data disks at the source's LUNs", async () => {
  const vm = (await box.look()).providerSpecificDetails.recoveryFabricObjectId ?? "";
  const arm = `https://127.0.0.1:${box.box.plan.ports.arm}`;
  const token = await box.box.token("https://management.azure.com");
  const answer = await fetch(`${arm}${vm}?api-version=2024-07-01`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { properties } = z
    .object({
      properties: z.object({
        storageProfile: z.object({
          osDisk: z.looseObject({ managedDisk: z.looseObject({ id: z.string() }) }),
          dataDisks: z.array(z.looseObject({ lun: z.number(), name: z.string().optional() })),
        }),
      }),
    })
    .parse(await answer.json());
  expect(properties.storageProfile.dataDisks.map(({ lun }) => lun)).toEqual([0, 3]);
  expect(properties.storageProfile.osDisk.managedDisk.id).toContain("ledger-os");
});
