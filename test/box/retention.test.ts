import { open } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytes, generation, millis } from "../../engine/core/units.ts";
import { machineId } from "../../engine/core/ids.ts";
import { CONTAINER, journalPrefix } from "../../engine/journal/names.ts";
import { containerSas } from "../../engine/storage/connect.ts";
import { sourcesOf } from "../../engine/replication/sources.ts";
import { blockDigestsAt, verifyImage } from "../../engine/replication/verify.ts";
import { operatorOf } from "../../local/box/credential.ts";
import type { LeewardItem } from "../../engine/contract/protected-item.ts";
import { bootImage } from "../../local/demo/target-disk.ts";
import { vantageOn } from "../../local/demo/vantage.ts";
import { leeward } from "../fixtures/leeward.ts";
import { BoxFixture, errorOf } from "./fixture.ts";

/*
 * A machine without a replica, whose storage holds layers: while customers write, points are thinned, layers built and
 * segments deleted; then a point is verified, restored at the command line and failed over to, from layers alone. The
 * tests build on each other.
 */

const box = new BoxFixture();
beforeAll(() => box.open());
afterAll(() => box.close());

const POLICY = {
  sealAge: 500,
  heartbeatEvery: 500,
  pointInterval: 2000,
  verifyInterval: 2000,
  scrubDays: 0.001,
  replica: "none",
  retention: {
    window: 3_600_000,
    ladder: [
      { until: 4000, every: 0 },
      { until: 3_600_000, every: 8000 },
    ],
    anyWriteWindow: 8000,
    interval: 2000,
    deleteDelay: 1000,
  },
};

const MANY = 1000;

/** A round of retention waits for points to grow old. */
const seen = (what: string, holds: (now: LeewardItem) => boolean) =>
  box.until(what, ({ leeward: now }) => holds(now), 500_000);

test("points are thinned, layers built, and the segments that they replace deleted", async () => {
  await box.protected(POLICY);
  await box.openShop(7);
  const { leeward: now } = await seen("segments to be deleted", ({ retention }) =>
    Boolean(retention && retention.dropped > 3 && retention.deletedObjects > 10 && retention.built > 3),
  );
  const { retention, machine } = now;
  expect(retention?.layers?.layers).toBeGreaterThan(0);
  expect(retention?.points.map(({ every }) => every)).toEqual([0, 8000]);
  const { objects } = await vantageOn(box.box, machine, now.latestPoint?.id ?? "");
  const [first] = await names(objects.list(journalPrefix(machineId(machine), generation(1))));
  expect(first).not.toContain("/000000000000.seg");
});

test("points are verified on layers: all blocks, and each new point", async () => {
  const { leeward: before } = await box.look();
  const since = before.retention?.lastRun ?? "";
  const { leeward: now } = await seen(
    "a round of the scrub",
    ({ verification }) => (verification?.coverage.wholeTime ?? "") > since,
  );
  expect(now.verification?.bad).toEqual([]);
});

test("a kept point is restored and proved at the command line", async () => {
  const { leeward: now } = await box.look();
  const { machine } = now;
  const listed = (await box.names(`${box.item("Ledger")}/recoveryPoints`)).at(-1) ?? "";
  const { url } = await containerSas({
    endpoint: box.box.plan.targetBlobEndpoint,
    container: CONTAINER,
    credential: operatorOf(box.box),
    permissions: "rl",
    lifetime: millis(3_600_000),
  });
  const from = { LEEWARD_FROM: url, NODE_EXTRA_CA_CERTS: box.box.certificates.ca };
  const out = path.join(box.directory, "restored.img");
  const key = ["--key-file", box.box.plan.keyFile];
  const where = ["--machine", machine, "--point", listed, ...key];
  const restored = await leeward(["restore", ...where, "--out", out], from);
  expect(restored).toMatchObject({ code: 0, stderr: expect.any(String) });
  const verified = await leeward(["verify", ...where, "--image", out], from);
  expect(verified).toMatchObject({ code: 0 });
});

test("an operator may begin a resync, once at a time, but change no policy and set no command", async () => {
  const attendant = await box.attendant();
  const item = box.item("Ledger");
  const policy = { properties: { leeward: { policy: { retention: { anyWriteWindow: 0 } } } } };
  expect(errorOf(await box.call("PATCH", item, policy, attendant))).toMatchObject({ status: 403 });
  const freeze = { pre: "true", post: "true" };
  const refused = await box.protect("Other", POLICY, freeze, attendant);
  expect(errorOf(refused)).toMatchObject({ status: 403, message: expect.stringContaining("Leeward.Admin") });
  const asked = { ...attendant, "x-ms-client-request-id": "the-first-repair" };
  const begun = await box.call("POST", `${item}/repairReplication`, undefined, asked);
  expect(begun).toMatchObject({
    status: 200,
    body: { properties: { leeward: { machine: expect.any(String) } } },
  });
  expect((await box.call("POST", `${item}/repairReplication`, undefined, asked)).status).toBe(200);
  const another = await box.call("POST", `${item}/repairReplication`, undefined, attendant);
  expect(errorOf(another)).toMatchObject({ status: 409, code: "Conflict" });
  const { leeward: now } = await seen(
    "a point behind the comparison",
    ({ generation: of, resync }) => of > 1 && resync?.state === "ended",
  );
  expect(now.resync).toMatchObject({ reason: "operator", base: expect.any(String) });
});

test("without a window for any write, layers alone are left of a machine that stands still", async () => {
  const item = box.item("Ledger");
  const patch = (policy: unknown) => box.call("PATCH", item, { properties: { leeward: { policy } } });
  expect(errorOf(await patch({ pointInterval: 9000 }))).toMatchObject({
    status: 400,
    code: "InvalidRequest",
  });
  expect(errorOf(await patch({ retention: { window: 1 } }))).toMatchObject({
    status: 400,
    message: expect.stringContaining("properties.leeward.policy.retention.window"),
  });
  const { status, body } = await patch({ retention: { anyWriteWindow: 0 } });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    properties: { leeward: { policy: { retention: { anyWriteWindow: 0, interval: 2000 } } } },
  });
  await box.closeShop();
  await seen(
    "a point behind the last write",
    ({ latestPoint, watermarks }) => latestPoint?.sequence === watermarks["captured"]?.sequence,
  );
  await box.powerOff();
  // What its agent sealed behind the last point stays: a barrier that was never proved, and what the machine wrote in going down.
  const { leeward: now } = await seen(
    "layers alone",
    ({ retention }) => (retention?.segments?.objects ?? MANY) <= 4,
  );
  const { retention, machine } = now;
  expect(retention?.segments?.bytes).toBeLessThan(256 * 1024);
  expect(retention?.layers?.bytes).toBeGreaterThan(100_000);
  const { objects } = await vantageOn(box.box, machine, now.latestPoint?.id ?? "");
  const left = await names(objects.list(`machines/${machine}/`));
  const kinds = new Set(left.map((name) => name.split("/")[2]).filter((kind) => kind !== "journal"));
  expect([...kinds].toSorted((a, b) => (a ?? "").localeCompare(b ?? ""))).toEqual([
    "bases",
    "key.json",
    "layers",
    "points",
    "registers",
  ]);
});

test("a failover builds the disk from layers, byte for byte", async () => {
  const { leeward: now } = await box.look();
  const { machine } = now;
  const oldest = (await box.names(`${box.item("Ledger")}/recoveryPoints`)).at(-2) ?? "";
  const sight = await vantageOn(box.box, machine, oldest);
  const { layers, ranges } = await sourcesOf(sight.objects, sight.point);
  expect(layers.length).toBeGreaterThan(0);
  expect(ranges).toEqual([]);
  const sent = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, {
    properties: { providerSpecificDetails: { instanceType: "A2A", recoveryPointId: oldest } },
  });
  expect(sent.status).toBe(202);
  const ended = await box.until(
    "the failover",
    ({ leeward: { failover } }) => Boolean(failover?.endTime),
    120_000,
  );
  expect(ended.leeward.failover).toMatchObject({ point: oldest, road: "upload" });
  const [disk] = sight.point.disks;
  const digests = (await blockDigestsAt(sight)).get(disk?.index ?? fail());
  const file = await open(bootImage(box.box, { properties: ended }, disk?.index ?? fail()) ?? "", "r");
  try {
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, offset);
      return buffer;
    };
    expect(await verifyImage(read, bytes(disk?.size ?? 0), digests ?? Buffer.alloc(0))).toEqual([]);
  } finally {
    await file.close();
  }
});

async function names(found: AsyncIterable<{ readonly name: string }>): Promise<string[]> {
  const all: string[] = [];
  for await (const { name } of found) all.push(name);
  return all;
}

const fail = (): never => {
  throw new Error("the point has no disk");
};
