import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { lostView } from "../../engine/contract/losses.ts";
import { armId } from "../../engine/core/ids.ts";
import { CONTAINER } from "../../engine/journal/names.ts";
import { AzureObjectStore } from "../../engine/storage/azure-object.ts";
import { connectContainer } from "../../engine/storage/connect.ts";
import { containerUrl } from "../../local/box/connection.ts";
import { operatorOf } from "../../local/box/credential.ts";
import { waitFor } from "../../local/demo/wait.ts";
import { vmDirectory } from "../../local/machine/vm-directory.ts";
import { leeward } from "../fixtures/leeward.ts";
import { BoxFixture } from "./fixture.ts";

/*
 * A region is lost with writes in all three places: arrived behind the point that is kept, in the cache alone, and never
 * out of the machine. It comes back, with the old machine and its agent; the ledger closes, and what it lists is byte for
 * byte what the old disk says. The tests build on each other.
 */

const box = new BoxFixture();
const out = mkdtempSync(path.join(tmpdir(), "leeward-losses-"));
beforeAll(() => box.open());
afterAll(async () => {
  await box.close();
  rmSync(out, { recursive: true, force: true });
});

/** What is written within a dozen seconds stays in the spool; points come when they are asked for, and no sooner. */
const POLICY = { sealAge: 12_000, heartbeatEvery: 500, pointInterval: 600_000, replica: "none" };

const view = z.object({
  properties: z.object({
    protectionState: z.string(),
    leeward: z.object({
      machine: z.string(),
      watermarks: z.looseObject({
        captured: z.looseObject({ sequence: z.number() }).nullish(),
        cached: z.looseObject({ sequence: z.number() }).nullish(),
        arrived: z.looseObject({ sequence: z.number() }).nullish(),
      }),
      failover: z.looseObject({ operation: z.string(), point: z.string() }).nullable(),
    }),
  }),
});
const look = async () => view.parse((await box.call("GET", box.item("Ledger"))).body).properties;
const losses = z.object({
  properties: lostView.extend({
    keptSequence: z.number(),
    disks: z.array(z.looseObject({ index: z.number(), bytes: z.number(), rangeCount: z.number() })),
  }),
});
const lost = async () =>
  losses.parse((await box.call("GET", `${box.item("Ledger")}/leewardLosses`)).body).properties;

/** The old disk as it was when the region went, and the moment. */
let disk: string;
let lostAt: number;
let machine: string;
let job: string;

test("the region is lost with writes in every place, and the failover lists at once what had arrived", async () => {
  expect((await box.protect("Ledger", POLICY)).status).toBe(202);
  const isProtected = async () => ((await look()).protectionState === "Protected" ? true : undefined);
  await waitFor("the protection", isProtected, 240_000);
  const { leeward: first } = await look();
  machine = first.machine;
  const before = first.watermarks.arrived?.sequence ?? 0;
  const customers = await box.openShop(11);
  const arrived = async () => {
    const { watermarks } = (await look()).leeward;
    return (watermarks.arrived?.sequence ?? 0) > before + 20 ? true : undefined;
  };
  await waitFor("writes to arrive behind the point", arrived, 60_000);
  // From here on nothing leaves the old cache, and before long nothing leaves the machine.
  const taken = customers.figures.acknowledged;
  await waitFor("more orders", async () => customers.figures.acknowledged > taken + 30 || undefined, 60_000);
  await box.closeShop();
  const quiet = await look();
  await box.box.loseSource();
  lostAt = Date.now();
  disk = path.join(out, "old.img");
  execFileSync("cp", ["--sparse=always", box.box.plan.sourceVm.disk, disk]);

  const sent = await box.call("POST", `${box.item("Ledger")}/unplannedFailover`, {
    properties: { providerSpecificDetails: { instanceType: "A2A" } },
  });
  expect(sent.status).toBe(202);
  const location = sent.headers.get("location") ?? "";
  await waitFor(
    "the failover",
    async () => ((await box.call("GET", location)).status === 202 ? undefined : true),
    180_000,
  );
  const open = await waitFor(
    "what had arrived",
    async () => {
      const found = await lost();
      return found.checkedTime === null ? undefined : found;
    },
    60_000,
  );
  const { failover } = (await look()).leeward;
  job = failover?.operation ?? "";
  expect(open).toMatchObject({ state: "open", problem: { code: "StorageUnavailable" }, handedOver: null });
  expect(open.writes).toBe(open.arrivedWrites);
  expect(open.arrivedWrites).toBeGreaterThan(20);
  expect(quiet.leeward.watermarks.captured?.sequence).toBeGreaterThan(open.keptSequence + open.writes);
});

test("the region comes back, the old agent hands over, and the ledger closes", async () => {
  const open = await lost();
  await box.box.restoreSource();
  const closed = await waitFor(
    "the ledger to close",
    async () => {
      const found = await lost();
      return found.state === "complete" ? found : undefined;
    },
    240_000,
  );
  expect(closed.problem).toBeNull();
  expect(closed.handedOver?.cached).toBe(closed.handedOver?.captured);
  expect(closed.writes).toBe((closed.handedOver?.captured ?? 0) - closed.keptSequence);
  expect(closed.writes).toBeGreaterThan(open.writes);
  expect(closed.copiedBytes).toBe(0);
  expect(closed.arrivedWrites).toBe(open.arrivedWrites);
  // The old machine runs again; its agent records nothing more.
  const { spool } = vmDirectory(box.directory, armId(box.box.plan.sourceVm.id));
  const status: unknown = JSON.parse(readFileSync(path.join(spool, "status.json"), "utf8"));
  expect(status).toMatchObject({ journal: { mode: "stopped", problem: { code: "AgentFenced" } } });
});

const lines = z.array(
  z.object({
    sequence: z.number(),
    time: z.string(),
    disk: z.number(),
    offset: z.number(),
    length: z.number(),
  }),
);

test("every byte that is listed and extracted is what the old disk says", async () => {
  const { plan } = box.box;
  const target = await containerUrl(box.box, plan.targetBlobEndpoint);
  const cache = await containerUrl(box.box, await cacheEndpoint());
  const to = path.join(out, "extracted");
  const where = ["--from", target, "--cache", cache, "--machine", machine, "--key-file", plan.keyFile];
  const { code, stdout, stderr } = await leeward(["lost", ...where, "--job", job, "--extract", to], {
    NODE_EXTRA_CA_CERTS: box.box.certificates.ca,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const ledger = await lost();
  expect(stdout).toContain(`${ledger.writes} writes were lost`);
  const listed = lines.parse(JSON.parse(readFileSync(path.join(to, "lost.json"), "utf8")));
  expect(listed).toHaveLength(ledger.writes);
  expect(listed.map(({ sequence }) => sequence)).toEqual(listed.map((_, n) => ledger.keptSequence + 1 + n));
  // What the old machine wrote when it came up again, before its agent had heard, is listed too, and not in the copy.
  const own = listed.filter(({ time }) => Date.parse(time) <= lostAt);
  const later = listed.filter(({ time }) => Date.parse(time) > lostAt);
  expect(own.length).toBeGreaterThan(50);
  const touched = (offset: number, length: number) =>
    later.some((one) => one.offset < offset + length && offset < one.offset + one.length);
  const compared = own.filter(({ offset, length }) => !touched(offset, length));
  expect(compared.length).toBeGreaterThan(20);
  const [was, extracted] = await Promise.all([open(disk, "r"), open(path.join(to, "disk0.lost"), "r")]);
  try {
    for (const { offset, length } of compared) {
      const [a, b] = [Buffer.alloc(length), Buffer.alloc(length)];
      await was.read(a, 0, length, offset);
      await extracted.read(b, 0, length, offset);
      expect(a.equals(b), `${length} bytes at ${offset}`).toBe(true);
    }
  } finally {
    await was.close();
    await extracted.close();
  }
});

/** The one account of the source region that holds the machine's journal. */
async function cacheEndpoint(): Promise<string> {
  const { plan } = box.box;
  for (const account of plan.accounts.source) {
    const endpoint = `https://127.0.0.1:${plan.ports.sourceBlob}/${account}`;
    const store = new AzureObjectStore(connectContainer(endpoint, CONTAINER, operatorOf(box.box)));
    try {
      for await (const { name } of store.list("machines/")) if (name.includes(machine)) return endpoint;
    } catch {
      // An account that nobody has taken has no container.
    }
  }
  throw new Error("no account of the source region holds the journal");
}
