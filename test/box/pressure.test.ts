import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MIB, millis } from "../../engine/core/units.ts";
import { CONTAINER } from "../../engine/journal/names.ts";
import { containerSas } from "../../engine/storage/connect.ts";
import { operatorOf } from "../../local/box/credential.ts";
import { sourceLedger } from "../../local/demo/scene.ts";
import { waitFor } from "../../local/demo/wait.ts";
import type { AcknowledgedOrder, Customers } from "../../local/machine/customers.ts";
import { Scanner } from "../../local/machine/scanner.ts";
import { leeward } from "../fixtures/leeward.ts";
import { BoxFixture } from "./fixture.ts";

/*
 * A cache account in trouble, in a whole box, while customers order and documents are filed: it is slow, then full, until
 * the journal breaks; it is well again, and protection comes back by itself. Then the target account is throttled, and
 * gone. Nobody at the ledger notices any of it. The tests build on each other.
 */

const box = new BoxFixture();
let customers: Customers;
let scanner: Scanner | undefined;
/** The least spool that an agent takes. */
const SPOOL_MEBIBYTES = 64;
beforeAll(() =>
  box.open("*/2 * * * * *", [{ name: "ledger", disks: [512 * MIB] }], 16 * MIB, SPOOL_MEBIBYTES),
);
afterAll(async () => {
  await scanner?.stop();
  await box.close();
});

const POLICY = {
  sealAge: 500,
  heartbeatEvery: 500,
  pointInterval: 3000,
  verifyInterval: 2000,
  retryLadder: [1000, 2000],
  replica: "none",
};
const RATE = 3 * MIB;

/** Milliseconds that customers waited for the orders that they placed from then on. */
function waits(from: number): { readonly median: number; readonly longest: number } {
  const took = customers.log.acknowledged
    .slice(from)
    .map(({ requestedAt, acknowledgedAt }: AcknowledgedOrder) => (acknowledgedAt - requestedAt) / 1000)
    .toSorted((a, b) => a - b);
  return { median: took[took.length >> 1] ?? Infinity, longest: took.at(-1) ?? Infinity };
}
const orders = () => customers.log.acknowledged.length;
const moreOrders = async (from: number, count: number) =>
  waitFor("more orders", async () => (orders() >= from + count ? true : undefined), 120_000);

/** Documents are filed at an even rate until `scanner.stop`. */
const fileDocuments = async (seed: number) =>
  (scanner = new Scanner({ url: await sourceLedger(box.box), seed, mebibytes: 400, rate: RATE }));

/** Waits of the same customers beside the same documents, while nothing was the matter. */
let usual: ReturnType<typeof waits>;
/** Nobody waits for a request to a storage that takes many seconds, or for ever. */
const LONGEST = 5000;
function expectUnmoved(from: number): void {
  const now = waits(from);
  expect(now.median).toBeLessThan(usual.median * 5 + 50);
  expect(now.longest).toBeLessThan(Math.max(LONGEST, usual.longest * 2));
  expect(customers.log.unanswered).toEqual([]);
}

let troubledFrom: number;
let broken: Awaited<ReturnType<BoxFixture["look"]>>;

test("a cache that is slow, then full, is answered rung by rung, and the customers do not notice", async () => {
  await box.protected(POLICY);
  customers = await box.openShop(5);
  const documents = await fileDocuments(1);
  await moreOrders(orders(), 300);
  usual = waits(0);
  await waitFor("points", async () => ((await box.points()).length >= 2 ? true : undefined), 120_000);

  troubledFrom = orders();
  await box.box.storage.cache.make("slow");
  const rungOf = ({ leeward: { agent } }: Awaited<ReturnType<typeof box.look>>) => agent?.pressure?.rung;
  const slow = await box.until(
    "larger segments",
    (now) => rungOf(now) === "slow" || rungOf(now) === "merging",
  );
  expect(slow.replicationHealth).not.toBe("Normal");

  await box.box.storage.cache.make("full");
  const full = await box.until("the full account to be named", ({ healthErrors }) =>
    healthErrors.some(({ errorCode }) => errorCode === "StorageFull"),
  );
  const error = full.healthErrors.find(({ errorCode }) => errorCode === "StorageFull");
  expect(error?.errorMessage).toMatch(/507 InsufficientStorage.*; it is tried again at /);
  expect(error?.recommendedAction).toMatch(/Free space in it/);

  const merging = await box.until("merging", (now) => rungOf(now) === "merging" || rungOf(now) === "broken");
  expect(merging.leeward.generation).toBe(1);
  broken = await box.until("the break", (now) => rungOf(now) === "broken");
  expect(broken).toMatchObject({ replicationHealth: "Critical", leeward: { agent: { mode: "stopped" } } });
  const said = broken.healthErrors.find(({ errorCode }) => errorCode === "SpoolFull");
  expect(said?.errorMessage).toMatch(/points before stay valid; .*507.*; a comparison begins when/);
  expect(said?.recommendedAction).toMatch(/begins by itself/);
  await moreOrders(orders(), 50);
  await documents.stop();
  expectUnmoved(troubledFrom);
});

test("behind the break both losses say that everything since then would be lost, and grow", async () => {
  const before = orders();
  await moreOrders(before, 50);
  const missed = await box.until("what was missed", ({ leeward: { agent } }) =>
    Boolean(agent?.pressure?.unrecorded && agent.pressure.unrecorded.writes > 50),
  );
  const since = Date.parse(missed.leeward.agent?.pressure?.sinceTime ?? "");
  for (const loss of [missed.leeward.losses?.vm, missed.leeward.losses?.region]) {
    expect(loss?.seconds).toBeGreaterThan((Date.now() - since) / 1000 - 5);
    expect(loss?.writes).toBeGreaterThanOrEqual(missed.leeward.agent?.pressure?.unrecorded?.writes ?? 0);
  }
});

test("points before the break are restored and proved from the target alone", async () => {
  const newest = (await box.points()).at(-1);
  const { url } = await containerSas({
    endpoint: box.box.plan.targetBlobEndpoint,
    container: CONTAINER,
    credential: operatorOf(box.box),
    permissions: "rl",
    lifetime: millis(3_600_000),
  });
  const from = { LEEWARD_FROM: url, NODE_EXTRA_CA_CERTS: box.box.certificates.ca };
  const where = [
    "--machine",
    broken.leeward.machine,
    "--point",
    newest?.name ?? "",
    "--key-file",
    box.box.plan.keyFile,
  ];
  const out = path.join(box.directory, "before.img");
  expect(await leeward(["restore", ...where, "--out", out], from)).toMatchObject({ code: 0 });
  expect(await leeward(["verify", ...where, "--image", out], from)).toMatchObject({ code: 0 });
});

test("when the cache is well again a comparison of what changed leads to verified points and small losses", async () => {
  await box.box.storage.cache.make("none");
  const { leeward: compared } = await box.until(
    "the end of the comparison",
    ({ leeward: { generation, resync } }) => generation > 1 && resync?.state === "ended",
  );
  expect(compared.resync).toMatchObject({ reason: "continuity", scope: "marked" });
  // What changed behind the last proved point, and not the disk.
  expect(compared.resync?.sent).toBeGreaterThan(0);
  expect(compared.resync?.sent).toBeLessThan(300 * MIB);
  const verified = async () => {
    const { leeward: now, healthErrors } = await box.look();
    const point = (await box.points()).find(({ name }) => name === now.verification?.verifiedPoint);
    return point?.properties.leeward.generation === now.generation && healthErrors.length === 0
      ? now
      : undefined;
  };
  await waitFor("a verified point of the new generation", verified, 240_000);
  const well = await box.until(
    "small losses",
    ({ leeward: { agent, losses } }) =>
      agent?.pressure?.rung === "normal" &&
      Boolean(losses && losses.vm.seconds < 10 && losses.region.seconds < 15),
  );
  expect(well.leeward.generation).toBe(compared.generation);
  const kept = (await box.points()).map(({ properties }) => properties.leeward.generation);
  expect(kept).toContain(1);
  expectUnmoved(troubledFrom);
});

/** A point behind this one. */
const laterPoint = (than: string | undefined) =>
  box.until("a later point", ({ leeward: { latestPoint }, healthErrors }) =>
    Boolean(latestPoint && latestPoint.time > (than ?? "") && healthErrors.length === 0),
  );

test("a target account that throttles holds up points, says so, and nothing else comes of it", async () => {
  const from = orders();
  await box.box.storage.target.make("throttled");
  const { leeward: during } = await box.until("the throttling", ({ healthErrors }) =>
    healthErrors.some(({ errorMessage }) => /503 ServerBusy/.test(errorMessage)),
  );
  await box.box.storage.target.make("none");
  const { leeward: after } = await laterPoint(new Date().toISOString());
  expect(after.generation).toBe(during.generation);
  expectUnmoved(from);
});

test("a target account that is gone for a while takes the control plane with it, and both come back", async () => {
  const from = orders();
  const { leeward: before } = await box.look();
  await box.box.storage.target.make("gone");
  const answer = await box.call("GET", box.item("Ledger"));
  expect(answer.status).toBe(503);
  await moreOrders(orders(), 200);
  await box.box.storage.target.make("none");
  const { leeward: after } = await laterPoint(new Date().toISOString());
  expect(after.generation).toBe(before.generation);
  expectUnmoved(from);
});
