import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { bytes, diskIndex, generation } from "../../engine/core/units.ts";
import { machineId } from "../../engine/core/ids.ts";
import { CONTAINER, journalPrefix, replicaName } from "../../engine/journal/names.ts";
import { AzureObjectStore } from "../../engine/storage/azure-object.ts";
import { AzurePageStore } from "../../engine/storage/azure-page.ts";
import { connectContainer } from "../../engine/storage/connect.ts";
import { operatorOf } from "../../local/box/credential.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/*
 * Verification in a whole box, while customers write: a point becomes verified; a page of the replica that is changed
 * behind everybody's back is found, named and repaired; a damaged journal ends its generation, and the next one is
 * verified anew. The tests build on each other.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 1000,
  heartbeatEvery: 500,
  pointInterval: 3000,
  checkpointInterval: 4000,
  verifyInterval: 1000,
  scrubDays: 0.001,
  replica: "warm",
};

test("a point becomes verified, on both roads, and all blocks were read", async () => {
  await box.protected(POLICY);
  await box.openShop(7);
  const { leeward, healthErrors } = await box.until("both roads verified", ({ leeward: { verification } }) =>
    Boolean(verification?.verifiedPoint && verification.replica.verifiedPoint),
  );
  expect(healthErrors).toEqual([]);
  expect(leeward.verification).toMatchObject({ bad: [], coverage: { wholeTime: expect.any(String) } });
  expect(leeward.watermarks["verified"]?.sequence).toBeGreaterThan(0);
  const found = (await box.points()).find(({ name }) => name === leeward.verification?.verifiedPoint);
  expect(found?.properties.leeward.verified).toBe(true);
});

/** The replica's account is one of the region's. */
async function replicaPages(name: string): Promise<AzurePageStore> {
  const { plan } = box.box;
  const origin = new URL(plan.targetBlobEndpoint).origin;
  for (const account of plan.accounts.target) {
    const container = connectContainer(`${origin}/${account}`, CONTAINER, operatorOf(box.box));
    const found = await container
      .getPageBlobClient(name)
      .exists()
      .catch(() => false);
    if (found) return new AzurePageStore(container);
  }
  throw new Error(`no account of the target region holds ${name}`);
}

test("a page of the replica that became wrong is found and named, then rebuilt and verified again", async () => {
  const { leeward } = await box.look();
  const name = replicaName(machineId(leeward.machine), diskIndex(0));
  const pages = await replicaPages(name);
  // The archive's last block is not written by anyone: only the scrub can find it.
  const offset = bytes(128 * 1024 * 1024);
  await waitFor(
    "the page to be wrong",
    async () => {
      const fence = await pages.takeFence(name);
      await pages.write(name, fence, offset, Buffer.alloc(512, "wrong"));
      return true;
    },
    20_000,
  );
  const bad = await box.until("the health error", ({ healthErrors }) =>
    healthErrors.some(({ errorCode }) => errorCode === "ReplicaDiffers"),
  );
  const error = bad.healthErrors.find(({ errorCode }) => errorCode === "ReplicaDiffers");
  expect(error?.errorMessage).toContain(`disk 0 block ${offset / 65536}`);
  expect(error?.recommendedAction).toContain("rebuilt from the journal");
  const repaired = await box.until(
    "the repair",
    ({ healthErrors, leeward: { verification } }) =>
      healthErrors.length === 0 && verification?.replica.verifiedPoint !== null,
  );
  expect(repaired.leeward.verification?.bad).toEqual([]);
  expect(repaired.leeward.generation).toBe(leeward.generation);
});

test("a damaged journal makes the point bad, and a new generation begins and is verified", async () => {
  const before = await box.look();
  const machine = machineId(before.leeward.machine);
  const objects = new AzureObjectStore(
    connectContainer(box.box.plan.targetBlobEndpoint, CONTAINER, operatorOf(box.box)),
  );
  for await (const { name } of objects.list(journalPrefix(machine, generation(before.leeward.generation)))) {
    const stored = await objects.get(name);
    const body = Buffer.from(stored?.body ?? []);
    body.writeUInt8(body.readUInt8(body.length >> 1) ^ 1, body.length >> 1);
    await objects.put(name, body, "any");
    break;
  }
  const found = await box.until("the health error", ({ healthErrors }) =>
    healthErrors.some(({ errorCode }) => errorCode === "SegmentDamaged"),
  );
  expect(found.healthErrors[0]?.errorMessage).toContain("a resync was begun");
  const bad = found.leeward.verification?.bad.at(-1)?.point;
  expect((await box.points()).find(({ name }) => name === bad)?.properties.leeward.verified).toBe("bad");
  const refused = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, {
    properties: { providerSpecificDetails: { instanceType: "A2A", recoveryPointId: bad } },
  });
  expect(errorOf(refused)).toMatchObject({ status: 409, code: "PointBad" });
  const mended = await box.until(
    "a verified point of the next generation",
    ({ healthErrors, leeward: { verification, generation: of } }) =>
      of > before.leeward.generation && healthErrors.length === 0 && verification?.verifiedPoint !== bad,
  );
  const verified = (await box.points()).find(
    ({ name }) => name === mended.leeward.verification?.verifiedPoint,
  );
  expect(verified?.properties.leeward).toMatchObject({
    verified: true,
    generation: mended.leeward.generation,
  });
});

test("a failover to the latest verified point takes it", async () => {
  await box.closeShop();
  const sent = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, {
    properties: {
      providerSpecificDetails: { instanceType: "A2A" },
      leeward: { recoveryPointType: "LatestVerified" },
    },
  });
  expect(sent.status).toBe(202);
  const location = sent.headers.get("location") ?? "";
  const ended = await waitFor(
    "the failover",
    async () => {
      const answer = await box.call("GET", location);
      return answer.status === 202 ? undefined : answer;
    },
    120_000,
  );
  const shape = z.object({
    properties: z.object({ leeward: z.object({ failover: z.looseObject({ point: z.string() }) }) }),
  });
  const { point } = shape.parse(ended.body).properties.leeward.failover;
  expect((await box.points()).find(({ name }) => name === point)?.properties.leeward.verified).toBe(true);
});
