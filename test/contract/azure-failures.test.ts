import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytes, millis } from "../../engine/core/units.ts";
import { IMPATIENT, PATIENT } from "../../engine/storage/attempt.ts";
import { AzureObjectStore } from "../../engine/storage/azure-object.ts";
import { AzurePageStore } from "../../engine/storage/azure-page.ts";
import { AzureRecordStore } from "../../engine/storage/azure-record.ts";
import {
  connectContainer,
  connectContainerBySas,
  connectTable,
  containerSas,
} from "../../engine/storage/connect.ts";
import { startMeddler } from "../../local/trouble/meddler.ts";
import type { Meddling } from "../../local/trouble/meddling.ts";
import { collect } from "../fixtures/collect.ts";
import { type Region, startRegion } from "../fixtures/region.ts";

let region: Region;
beforeAll(async () => {
  region = await startRegion();
});
afterAll(() => region.stop());

const body = Buffer.from("an order of magnitude");
const flip = (sent: Buffer) => Buffer.from(sent.map((byte, n) => (n === 3 ? byte ^ 1 : byte)));

/** A store behind a proxy that meddles with the first requests of a method, one entry each. */
async function behind(method: string, plans: Meddling[], patience = PATIENT) {
  const meddler = await startMeddler(region.blobEndpoint, region.tls);
  let seen = 0;
  meddler.meddle = (found) => (found === method ? (plans[seen++] ?? {}) : {});
  const container = connectContainer(meddler.endpoint, "leeward", region.credential, region.options);
  return {
    store: new AzureObjectStore(container, patience),
    pages: new AzurePageStore(container, patience),
    seen: () => seen,
    [Symbol.asyncDispose]: () => meddler[Symbol.asyncDispose](),
  };
}

describe("a put whose answer is lost", () => {
  test("counts as the success that it was, and not as someone else's object", async () => {
    await using proxy = await behind("PUT", [{ loseAnswer: true }]);
    const etag = await proxy.store.put("lost/absent", body, "absent");
    expect(proxy.seen()).toBe(2);
    expect(await region.objects().get("lost/absent")).toMatchObject({ body, etag });
    await expect(proxy.store.put("lost/absent", body, "absent")).rejects.toMatchObject({
      code: "ObjectExists",
    });
  });

  test("counts for a compare-and-swap too", async () => {
    const before = await region.objects().put("lost/swap", Buffer.from("before"), "absent");
    await using proxy = await behind("PUT", [{ loseAnswer: true }]);
    const etag = await proxy.store.put("lost/swap", body, { unchangedSince: before });
    expect(await region.objects().get("lost/swap")).toMatchObject({ body, etag });
  });

  test.each(["absent", "unchangedSince"] as const)("counts for records, with `%s`", async (kind) => {
    const put = () => region.records().put("lost", kind, 0, "absent");
    const condition = kind === "absent" ? kind : { unchangedSince: await put() };
    await using meddler = await startMeddler(region.tableEndpoint, region.tls);
    let seen = 0;
    meddler.meddle = (method) => (method !== "GET" && seen++ === 0 ? { loseAnswer: true } : {});
    const table = connectTable(meddler.endpoint, "leeward", region.credential, region.options);
    const etag = await new AzureRecordStore(table).put("lost", kind, { n: 1 }, condition);
    expect(seen).toBe(2);
    expect(await region.records().get("lost", kind)).toMatchObject({ value: { n: 1 }, etag });
  });
});

describe("damage on the way", () => {
  test("is found by the storage when a body arrives, and nothing is stored", async () => {
    await using proxy = await behind("PUT", [{ sent: flip }]);
    await expect(proxy.store.put("damaged/sent", body, "any")).rejects.toMatchObject({
      message: expect.stringContaining("MD5"),
    });
    expect(await region.objects().get("damaged/sent")).toBeUndefined();
  });

  test("is found with a checksum that another storage gave", async () => {
    await region.objects().put("damaged/from", body, "any");
    const { md5 } = (await region.objects().get("damaged/from", "unchecked")) ?? {};
    expect(md5).toHaveLength(16);
    await expect(region.objects().put("damaged/to", flip(body), "any", md5)).rejects.toMatchObject({
      message: expect.stringContaining("MD5"),
    });
    expect(await region.objects().get("damaged/to")).toBeUndefined();
    await region.objects().put("damaged/to", body, "any", md5);
    expect(await region.objects().get("damaged/to")).toMatchObject({ body });
  });

  test("is found when a body comes back, which is then read again", async () => {
    await region.objects().put("damaged/read", body, "any");
    await using proxy = await behind("GET", [{ received: flip }, { received: flip }]);
    expect((await proxy.store.get("damaged/read"))?.body).toEqual(body);
    expect(proxy.seen()).toBe(3);
  });

  test("that does not end is an error, never a wrong body", async () => {
    await region.objects().put("damaged/always", body, "any");
    await using proxy = await behind("GET", [{ received: flip }], IMPATIENT);
    await expect(proxy.store.get("damaged/always")).rejects.toMatchObject({
      code: "StorageUnavailable",
      message: expect.stringContaining("Md5Mismatch"),
    });
  });
});

describe("an answer that does not come", () => {
  test("is waited for as long as one try may take, then asked for again", async () => {
    await region.objects().put("slow/body", body, "any");
    const patience = { tries: 2, tryTimeout: millis(500) };
    await using proxy = await behind("GET", [{ stall: true }], patience);
    expect((await proxy.store.get("slow/body"))?.body).toEqual(body);
    expect(proxy.seen()).toBe(2);
  });

  test("ends in StorageUnavailable within the patience", async () => {
    const silent = createServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    const endpoint = `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}/account`;
    const patience = { tries: 2, tryTimeout: millis(200) };
    const { credential, options } = region;
    const objects = new AzureObjectStore(
      connectContainer(endpoint, "leeward", credential, options),
      patience,
    );
    const records = new AzureRecordStore(connectTable(endpoint, "leeward", credential, options), patience);
    const started = performance.now();
    const unavailable = {
      code: "StorageUnavailable",
      message: expect.stringContaining("no answer in 200 ms"),
    };
    await expect(objects.get("x")).rejects.toMatchObject(unavailable);
    await expect(records.get("kind", "x")).rejects.toMatchObject(unavailable);
    expect(performance.now() - started).toBeLessThan(4000);
    silent.close();
  });

  test("can be given up at once by a signal, whose reason is thrown", async () => {
    await region.objects().put("slow/signal", body, "any");
    const stop = new AbortController();
    await using proxy = await behind("GET", [{ stall: true }], { ...PATIENT, signal: stop.signal });
    const reading = proxy.store.get("slow/signal");
    setImmediate(() => stop.abort(new Error("the machine is gone")));
    await expect(reading).rejects.toThrow("the machine is gone");
    await expect(proxy.store.get("slow/signal")).rejects.toThrow("the machine is gone");
  });
});

describe("a storage in trouble", () => {
  test.each([500, 503, 429, 408])("that answers %d is asked again", async (status) => {
    await region.objects().put("trouble", body, "any");
    await using proxy = await behind("GET", [{ answer: { status, headers: { "retry-after": "0" } } }]);
    expect((await proxy.store.get("trouble"))?.body).toEqual(body);
    expect(proxy.seen()).toBe(2);
  });

  test("gets the time that it asks for", async () => {
    await region.objects().put("trouble", body, "any");
    await using proxy = await behind("GET", [{ answer: { status: 503, headers: { "retry-after": "2" } } }]);
    const started = performance.now();
    await proxy.store.get("trouble");
    expect(performance.now() - started).toBeGreaterThan(1500);
  });

  test("that goes on is StorageUnavailable", async () => {
    await using proxy = await behind("GET", [{ answer: { status: 503 } }], IMPATIENT);
    await expect(proxy.store.get("trouble")).rejects.toMatchObject({ code: "StorageUnavailable" });
    expect(proxy.seen()).toBe(1);
  });

  test("is asked once only for what waiting does not mend", async () => {
    await using proxy = await behind("GET", [{ answer: { status: 403 } }, { answer: { status: 400 } }]);
    await expect(proxy.store.get("trouble")).rejects.toMatchObject({ code: "StorageDenied" });
    await expect(proxy.store.get("trouble")).rejects.toMatchObject({ code: "StorageRefused" });
    expect(proxy.seen()).toBe(2);
  });
});

describe("who may do what", () => {
  const sas = (permissions: string) =>
    containerSas({
      endpoint: region.blobEndpoint,
      container: "leeward",
      credential: region.credential,
      permissions,
      lifetime: millis(3600_000),
      options: region.options,
    });

  test("a container SAS opens its container for objects and pages", async () => {
    const { url } = await sas("racwdl");
    const container = connectContainerBySas(url, region.options);
    const store = new AzureObjectStore(container);
    await store.put("sas/1", body, "absent");
    await store.put("sas/2", body, "absent");
    expect((await collect(store.list("sas/"))).map(({ name }) => name)).toEqual(["sas/1", "sas/2"]);
    await store.delete(["sas/1", "sas/2", "sas/3"]);
    expect(await store.get("sas/1")).toBeUndefined();
    const pages = new AzurePageStore(container);
    await pages.create("sas/disk", bytes(512));
    const fence = await pages.takeFence("sas/disk");
    await pages.write("sas/disk", fence, bytes(0), Buffer.alloc(512, 1));
    const copy = await pages.promote("sas/disk", await pages.snapshot("sas/disk", fence), "sas/copy");
    expect(copy).toBe(`${region.blobEndpoint}/leeward/sas/copy`);
  });

  test("what a SAS does not allow is denied, and no message holds the SAS", async () => {
    const { url } = await sas("r");
    const store = new AzureObjectStore(connectContainerBySas(url, region.options));
    const error = await store.put("sas/denied", body, "any").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "StorageDenied",
      message: expect.stringContaining("Data Contributor"),
    });
    expect(everythingIn(error)).not.toContain(new URL(url).searchParams.get("sig"));
  });

  test("a SAS to create and read neither deletes nor lists", async () => {
    const { url } = await sas("rc");
    const store = new AzureObjectStore(connectContainerBySas(url, region.options));
    await store.put("sas/kept", body, "absent");
    const denied = { code: "StorageDenied" };
    await expect(store.delete(["sas/kept"])).rejects.toMatchObject(denied);
    await expect(store.delete(["sas/kept", "sas/other"])).rejects.toMatchObject(denied);
    await expect(store.put("sas/kept", Buffer.from("?"), "any")).rejects.toMatchObject(denied);
    await expect(collect(store.list("sas/"))).rejects.toMatchObject(denied);
    expect((await store.get("sas/kept"))?.body).toEqual(body);
  });

  test("a SAS that may not overwrite does not take what is there for a denial", async () => {
    const { url } = await sas("rc");
    await using meddler = await startMeddler(region.blobEndpoint, region.tls);
    let lost = 0;
    meddler.meddle = (method) => (method === "PUT" && lost++ === 0 ? { loseAnswer: true } : {});
    const through = url.replace(region.blobEndpoint, meddler.endpoint);
    const store = new AzureObjectStore(connectContainerBySas(through, region.options));
    const etag = await store.put("sas/lost", body, "absent");
    expect(await region.objects().get("sas/lost")).toMatchObject({ body, etag });
    await expect(store.put("sas/lost", body, "absent")).rejects.toMatchObject({ code: "ObjectExists" });
    meddler.meddle = (method) => (method === "PUT" ? { answer: { status: 403 } } : {});
    await expect(store.put("sas/none", body, "absent")).rejects.toMatchObject({ code: "StorageDenied" });
    meddler.meddle = () => ({ answer: { status: 403 } });
    const denied = { code: "StorageDenied", message: expect.stringContaining("storing") };
    await expect(store.put("sas/lost", body, "absent")).rejects.toMatchObject(denied);
  });

  test("nor what was there when it was put, and is gone when it is looked for", async () => {
    const { url } = await sas("rc");
    await using meddler = await startMeddler(region.blobEndpoint, region.tls);
    let puts = 0;
    meddler.meddle = (method) => (method === "PUT" && puts++ === 0 ? { answer: { status: 403 } } : {});
    const through = url.replace(region.blobEndpoint, meddler.endpoint);
    const store = new AzureObjectStore(connectContainerBySas(through, region.options));
    const etag = await store.put("sas/gone", body, "absent");
    expect(await region.objects().get("sas/gone")).toMatchObject({ body, etag });
    expect(puts).toBe(2);
  });

  test("a damaged SAS is denied", async () => {
    const { url } = await sas("racwdl");
    const store = new AzureObjectStore(
      connectContainerBySas(url.replace("sp=racwdl", "sp=rwdl"), region.options),
    );
    await expect(store.get("x")).rejects.toMatchObject({ code: "StorageDenied" });
  });

  test("a token for something else is denied, by blobs and tables", async () => {
    const part = Buffer.from(JSON.stringify({ aud: "https://management.azure.com" })).toString("base64url");
    const token = `${part}.${part}.${part}`;
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3600_000 }) };
    const container = connectContainer(region.blobEndpoint, "leeward", credential, region.options);
    const table = connectTable(region.tableEndpoint, "leeward", credential, region.options);
    for (const reading of [
      new AzureObjectStore(container).get("x"),
      new AzureRecordStore(table).get("k", "x"),
    ]) {
      const error = await reading.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "StorageDenied" });
      expect(everythingIn(error)).not.toContain(token);
    }
  });

  test("a token that cannot be had is StorageUnavailable, and one that is refused StorageDenied", async () => {
    const failing = (name: string, statusCode?: number) => ({
      getToken: () => Promise.reject(Object.assign(new Error("no token"), { name, statusCode })),
    });
    const reading = (credential: ReturnType<typeof failing>) =>
      new AzureObjectStore(
        connectContainer(region.blobEndpoint, "leeward", credential, region.options),
        IMPATIENT,
      ).get("x");
    await expect(reading(failing("CredentialUnavailableError"))).rejects.toMatchObject({
      code: "StorageUnavailable",
    });
    await expect(reading(failing("AuthenticationError", 500))).rejects.toMatchObject({
      code: "StorageUnavailable",
    });
    await expect(reading(failing("AuthenticationError", 400))).rejects.toMatchObject({
      code: "StorageDenied",
    });
  });

  test("a server that no trusted authority vouches for gets nothing", async () => {
    const container = connectContainer(region.blobEndpoint, "leeward", region.credential);
    await expect(new AzureObjectStore(container).get("x")).rejects.toMatchObject({ code: "StorageRefused" });
  });

  test("a container or table that is missing is not an empty one", async () => {
    const missing = { code: "NotFound" };
    await expect(region.objects("missing").get("x")).rejects.toMatchObject(missing);
    await expect(region.objects("missing").put("x", body, "any")).rejects.toMatchObject(missing);
    await expect(region.objects("missing").delete(["x"])).rejects.toMatchObject(missing);
    await expect(collect(region.objects("missing").list(""))).rejects.toMatchObject(missing);
    await expect(region.pages("missing").create("x", bytes(512))).rejects.toMatchObject(missing);
    await expect(region.records("missing").get("k", "x")).rejects.toMatchObject(missing);
    await expect(region.records("missing").put("k", "x", 1, "absent")).rejects.toMatchObject(missing);
    await expect(collect(region.records("missing").list("k"))).rejects.toMatchObject(missing);
  });
});

/** The error with all that hangs on it, as careless code might print it. */
function everythingIn(error: unknown, seen = new Set<unknown>()): string {
  if (typeof error !== "object" || error === null || seen.has(error)) return String(error);
  seen.add(error);
  const values = Object.getOwnPropertyNames(error).map((name) => Reflect.get(error, name));
  return values.map((value) => everythingIn(value, seen)).join("\n");
}

describe("an account at its limit", () => {
  test.each([
    [409, "MemoryExtentStoreAtSizeLimit", "StorageFull"],
    [507, "InsufficientStorage", "StorageFull"],
    [403, "AccountQuotaExceeded", "StorageFull"],
    [403, "AuthorizationPermissionMismatch", "StorageDenied"],
    [409, "SnapshotsPresent", "StorageRefused"],
    [503, "ServerBusy", "StorageUnavailable"],
  ])("is told from others: %d %s is %s", async (status, named, code) => {
    const answer = { status, headers: { "x-ms-error-code": named } };
    await using proxy = await behind("PUT", [{ answer }, { answer }], IMPATIENT);
    await expect(proxy.store.put("full/one", body, "absent")).rejects.toMatchObject({ code });
    // It might have been there, and be gone.
    expect(proxy.seen()).toBe(code === "StorageDenied" ? 2 : 1);
  });
});
