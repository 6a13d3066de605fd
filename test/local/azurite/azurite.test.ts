import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytes } from "../../../engine/core/units.ts";
import { IMPATIENT } from "../../../engine/storage/attempt.ts";
import { AzureObjectStore } from "../../../engine/storage/azure-object.ts";
import { AzurePageStore } from "../../../engine/storage/azure-page.ts";
import { AzureRecordStore } from "../../../engine/storage/azure-record.ts";
import { connectContainer, connectTable } from "../../../engine/storage/connect.ts";
import { type Azurite, startAzurite } from "../../../local/azurite/azurite.ts";
import { type Certificates, ensureCertificates } from "../../../local/tls/certificate.ts";
import { testCredential } from "../../fixtures/region.ts";

let root = "";
let tls: Certificates;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), "leeward-azurite-"));
  tls = await ensureCertificates(path.join(root, "tls"));
});
afterAll(() => rm(root, { recursive: true }));

const start = (name: string, ports?: Azurite["ports"]) =>
  startAzurite({
    directory: path.join(root, name),
    accounts: ["one", "two"],
    tls,
    log: path.join(root, "logs", `${name}.log`),
    ...(ports && { ports }),
  });

async function storesOf(azurite: Azurite, account = "one") {
  const options = { tls: { ca: await readFile(tls.ca, "utf8") } };
  const credential = testCredential();
  const container = connectContainer(azurite.blobEndpoint(account), "leeward", credential, options);
  const table = connectTable(azurite.tableEndpoint(account), "leeward", credential, options);
  return {
    objects: new AzureObjectStore(container, IMPATIENT),
    pages: new AzurePageStore(container, IMPATIENT),
    records: new AzureRecordStore(table, IMPATIENT),
  };
}

test("a clean stop keeps everything, and a start at the same ports finds it", async () => {
  const before = await start("kept");
  const first = await storesOf(before);
  await first.objects.ensureContainer();
  await first.records.ensureTable();
  await first.objects.put("x", Buffer.from("kept"), "absent");
  await first.records.put("kind", "x", "kept", "absent");
  await first.pages.create("disk", bytes(1024));
  const fence = await first.pages.takeFence("disk");
  await first.pages.write("disk", fence, bytes(512), Buffer.alloc(512, 7));
  const point = await first.pages.snapshot("disk", fence);
  await before.stop();
  await before.stop();

  const again = await start("kept", before.ports);
  expect(again.blobEndpoint("one")).toBe(before.blobEndpoint("one"));
  const second = await storesOf(again);
  expect(String((await second.objects.get("x"))?.body)).toBe("kept");
  expect((await second.records.get("kind", "x"))?.value).toBe("kept");
  expect(await second.pages.read("disk", bytes(512), bytes(512), point)).toEqual(Buffer.alloc(512, 7));
  await second.pages.write("disk", fence, bytes(0), Buffer.alloc(512, 8));
  await again.stop();
});

test("accounts are apart, and the processes of two regions too", async () => {
  const [source, target] = await Promise.all([start("source"), start("target")]);
  const here = await storesOf(source);
  await here.objects.ensureContainer();
  await here.objects.put("x", Buffer.from("here"), "absent");
  for (const elsewhere of [await storesOf(source, "two"), await storesOf(target)]) {
    await elsewhere.objects.ensureContainer();
    expect(await elsewhere.objects.get("x")).toBeUndefined();
  }
  await source.kill();
  const lost = await here.objects.get("x").catch((error: unknown) => error);
  expect(lost).toMatchObject({ code: "StorageUnavailable" });
  expect(await (await storesOf(target)).objects.get("x")).toBeUndefined();
  await target.stop();
});

test("a killed one is gone at once", async () => {
  const azurite = await start("killed");
  await azurite.kill();
  await azurite.exited;
  expect(() => process.kill(azurite.pid, 0)).toThrow("ESRCH");
});

test("a start that cannot be says so, and its log says why", async () => {
  const running = await start("running");
  await expect(start("second", running.ports)).rejects.toMatchObject({
    code: "StorageUnavailable",
    message: expect.stringContaining("second.log"),
  });
  expect(await readFile(path.join(root, "logs", "second.log"), "utf8")).toContain("EADDRINUSE");
  await running.stop();
});
