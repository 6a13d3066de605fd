import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { millis } from "../../../engine/core/units.ts";
import type { Patience } from "../../../engine/storage/attempt.ts";
import { AzureObjectStore } from "../../../engine/storage/azure-object.ts";
import { connectContainer } from "../../../engine/storage/connect.ts";
import { type Meddler, startMeddler } from "../../../local/trouble/meddler.ts";
import { meddleFor } from "../../../local/trouble/trouble.ts";
import { type Region, startRegion } from "../../fixtures/region.ts";

/* What a client of a storage meets when the box gets it into trouble, and that it is over when it is ended. */

let region: Region;
let door: Meddler;
beforeAll(async () => {
  region = await startRegion();
  door = await startMeddler(region.blobEndpoint, region.tls);
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await region.stop();
});
beforeEach(async () => {
  door.meddle = undefined;
  await door.open();
});

const body = Buffer.alloc(256 * 1024, "an order of magnitude");
/** Once more when a connection was cut that had been idle. */
const TWICE: Patience = { tries: 2, tryTimeout: millis(10_000) };
const store = (patience = TWICE) => {
  const { credential, options } = region;
  return new AzureObjectStore(connectContainer(door.endpoint, "leeward", credential, options), patience);
};

test("without trouble everything passes, by the storage's own names", async () => {
  await store().put("plain", body, "any");
  expect((await store().get("plain"))?.body).toEqual(body);
});

test.each([
  ["throttled", "StorageUnavailable", "503 ServerBusy"],
  ["full", "StorageFull", "507 InsufficientStorage"],
  ["refused", "StorageDenied", "403 AuthorizationPermissionMismatch"],
] as const)("an account that is %s is %s, until it is not", async (trouble, code, words) => {
  await store().put("before", body, "any");
  door.meddle = meddleFor(trouble);
  await expect(store().put("during", body, "any")).rejects.toMatchObject({
    code,
    message: expect.stringContaining(words),
  });
  door.meddle = undefined;
  expect(await store().get("during")).toBeUndefined();
});

test("a full account still gives what it has", async () => {
  await store().put("kept", body, "any");
  door.meddle = meddleFor("full");
  expect((await store().get("kept"))?.body).toEqual(body);
});

test("throttling says when to come again", async () => {
  door.meddle = meddleFor("throttled");
  // Connections that were kept alive are cut first.
  const asked = () =>
    store()
      .get("any")
      .catch((error: unknown) => error);
  await expect.poll(asked, { timeout: 60_000 }).toMatchObject({ retryAfter: 5000 });
});

test("a slow account takes its time, and none for what is under way when it is well again", async () => {
  door.meddle = meddleFor("slow");
  const begun = performance.now();
  await store().put("slow", body, "any");
  // 0.3 s, and half a second for 256 KiB.
  expect(performance.now() - begun).toBeGreaterThan(700);
  const patience = { tries: 1, tryTimeout: millis(20_000) };
  const large = store(patience).put("large", Buffer.alloc(8 * 1024 * 1024), "any");
  await sleep(500);
  const ended = performance.now();
  door.meddle = undefined;
  await large;
  expect(performance.now() - ended).toBeLessThan(10_000);
});

test("a silent account leaves its clients waiting, and lets them go when it speaks again", async () => {
  await store().put("told", body, "any");
  door.meddle = meddleFor("silent");
  const patience = { tries: 1, tryTimeout: millis(1000) };
  await expect(store(patience).get("told")).rejects.toMatchObject({
    message: expect.stringContaining("no answer in 1000 ms"),
  });
  const waiting = store({ tries: 3, tryTimeout: millis(30_000) }).get("told");
  await sleep(300);
  door.meddle = undefined;
  expect((await waiting)?.body).toEqual(body);
});

test("an account that is gone refuses connections, and comes back under the same address", async () => {
  const before = door.endpoint;
  await store().put("gone", body, "any");
  await door.close();
  await expect(store().get("gone")).rejects.toMatchObject({
    code: "StorageUnavailable",
    message: expect.stringContaining("ECONNREFUSED"),
  });
  await door.open();
  expect(door.endpoint).toBe(before);
  expect((await store().get("gone"))?.body).toEqual(body);
});
