import { expect, test } from "vitest";
import { hasCode } from "../../../../engine/core/errors.ts";
import { armId, barrierId } from "../../../../engine/core/ids.ts";
import { bytes, diskIndex, generation, micros, sequence } from "../../../../engine/core/units.ts";
import { beginFailover } from "../../../../engine/recovery/begin.ts";
import { type ItemRecord, itemRecord } from "../../../../engine/recovery/item.ts";
import { ITEM_STATES, TEST_STATES, allowedWith } from "../../../../engine/recovery/state.ts";
import { targetDisk, targetNic } from "../../../../engine/recovery/target-names.ts";
import {
  beginTest,
  beginTestCleanup,
  testJobOf,
  withTestEnded,
} from "../../../../engine/recovery/test-failover.ts";
import { madeBy } from "../../../../engine/recovery/test-parts.ts";
import type { TestReport } from "../../../../engine/recovery/test-report.ts";
import { copyOf, testOf } from "../../../../engine/recovery/test-target.ts";
import { NOW, POINT, WISH, ago, protectedItem } from "./fixture.ts";

const group = WISH.request.resourceGroup;
const inGroup = (type: string, name: string) => armId(`${group}/providers/${type}/${name}`);
const NETWORK = inGroup("Microsoft.Network/virtualNetworks", "net-recovery");

const DISKS = ["os", "data"].map((name, index) => ({
  index: diskIndex(index),
  id: inGroup("Microsoft.Compute/disks", `source-${name}`),
  name,
  size: bytes(1 << 20),
  sku: "Premium_LRS",
  caching: "None" as const,
  ...(index === 0 ? { osType: "Linux" as const } : { lun: index }),
}));
const NICS = ["front", "back"].map((name, at) => ({
  name,
  primary: at === 0,
  privateAddress: `10.0.${at}.4`,
  subnet: name,
  acceleratedNetworking: false,
}));

const shop = (changes: Partial<ItemRecord> = {}): ItemRecord =>
  protectedItem({
    source: {
      region: "west",
      vmSize: "Standard_D2s_v5",
      tags: {},
      principal: "p",
      network: {
        name: "net",
        addressPrefixes: ["10.0.0.0/16"],
        subnets: NICS.map(({ subnet }, at) => ({ name: subnet, addressPrefix: `10.0.${at}.0/24` })),
      },
      nics: NICS,
      disks: DISKS,
    },
    target: {
      region: "north",
      resourceGroup: group,
      network: NETWORK,
      vm: inGroup("Microsoft.Compute/virtualMachines", "Ledger_VM"),
      availabilitySet: inGroup("Microsoft.Compute/availabilitySets", "set"),
      cache: { id: inGroup("Microsoft.Storage/storageAccounts", "cache") },
      replica: { id: inGroup("Microsoft.Storage/storageAccounts", "replica") },
    },
    ...changes,
  });

const CHOSEN = {
  point: POINT,
  pointTime: ago(9),
  generation: generation(1),
  sequence: sequence(7),
  consistency: "crash",
  road: "import",
} as const;

const begun = (asked: Partial<Parameters<typeof beginTest>[1]> = {}, item = shop()) =>
  beginTest(item, { now: NOW, ...asked });
const withChoice = (item: ItemRecord): ItemRecord => ({ ...item, test: { ...testOf(item), chosen: CHOSEN } });
const ended = (item: ItemRecord, failure?: TestReport["failure"], at = micros(NOW + 60e6)) =>
  withTestEnded(item, { operation: testOf(item).job.operation, steps: [], ...(failure && { failure }) }, at);
const FAILURE = { code: "ArmFailed", message: "no room", step: "create the virtual machine" };
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return (
      (["Conflict", "StateNotAllowed", "InvalidRequest"] as const).find((code) => hasCode(error, code)) ??
      "other"
    );
  }
};

test("a test leaves state, generation and job of its item alone", () => {
  const before = shop();
  const { test: made, ...after } = begun({}, before);
  expect(after).toEqual(before);
  expect(made).toMatchObject({ state: "making", network: { kind: "isolated" }, startTime: NOW });
});

test("a test that is asked for again by the same request is the same, also when it was cleaned up", () => {
  const first = begun({ token: "a" });
  expect(begun({ token: "a" }, first)).toBe(first);
  expect(codeOf(() => begun({ token: "b" }, first))).toBe("Conflict");
  const ready = ended(withChoice(first));
  expect(begun({ token: "a" }, ready)).toBe(ready);
  expect(codeOf(() => begun({ token: "b" }, ready))).toBe("StateNotAllowed");
  const clean = ended(beginTestCleanup(ready, { now: NOW, token: "c" }));
  expect(begun({ token: "a" }, clean)).toBe(clean);
  expect(beginTestCleanup(clean, { now: NOW, token: "c" })).toBe(clean);
  expect(begun({ token: "b" }, clean).test?.state).toBe("making");
});

test("a test behind one that failed and was cleaned up is another one, though neither request has a name", () => {
  const failed = begun();
  const clean = ended(beginTestCleanup(ended(failed, FAILURE), { now: NOW }));
  const next = begun({ now: micros(NOW + 1) }, clean);
  expect(next.test?.operation).not.toBe(failed.test?.operation);
});

test("the time to recover counts from the request to the running machine", () => {
  const item = withChoice(begun());
  const steps = [
    { name: "wait until it runs", endTime: new Date((NOW + 41e6) / 1000).toISOString() },
    { name: "tidy up", endTime: new Date((NOW + 55e6) / 1000).toISOString() },
  ];
  const { operation } = testOf(item).job;
  const ready = withTestEnded(item, { operation, steps }, micros(NOW + 60e6));
  expect(ready.test).toMatchObject({ state: "ready", rtoSeconds: 41, endTime: NOW + 60e6 });
  expect(withTestEnded(ready, { operation, steps }, micros(NOW + 90e6))).toBe(ready);
});

test("a test that failed is tried again with what it had, and with nothing else", () => {
  const failed = ended(withChoice(begun()), FAILURE);
  expect(failed.test).toMatchObject({ state: "failed", failure: FAILURE });
  const again = begun({ now: micros(NOW + 1) }, failed);
  expect(again.test).toMatchObject({ state: "making", chosen: CHOSEN, startTime: NOW + 1 });
  expect(again.test?.failure).toBeUndefined();
  expect(again.test?.operation).not.toBe(failed.test?.operation);
  expect(begun({ point: POINT }, failed).test?.state).toBe("making");
  const other = barrierId("00000000-0000-4000-8000-000000000002");
  expect(codeOf(() => begun({ point: other }, failed))).toBe("Conflict");
  expect(codeOf(() => begun({ network: { kind: "sealed" } }, failed))).toBe("Conflict");
});

test("a clean-up that failed is tried again, and keeps the comments", () => {
  const cleaning = beginTestCleanup(ended(withChoice(begun())), { now: NOW, comments: "all well" });
  const failed = ended(cleaning, FAILURE);
  expect(failed.test).toMatchObject({ state: "cleanupFailed", rtoSeconds: 60 });
  const again = beginTestCleanup(failed, { now: micros(NOW + 1) });
  expect(again.test?.job).toMatchObject({ kind: "testFailoverCleanup", comments: "all well" });
  expect(again.test?.job.operation).not.toBe(cleaning.test?.job.operation);
  const clean = ended(again);
  expect(clean.test).toBeUndefined();
  expect(clean.formerTest).toMatchObject({ rtoSeconds: 60, point: POINT, comments: "all well" });
  expect(itemRecord.parse(JSON.parse(JSON.stringify(clean)))).toEqual(clean);
});

test("a test that never ran leaves no figures behind its clean-up", () => {
  const clean = ended(beginTestCleanup(ended(begun(), FAILURE), { now: NOW }));
  expect([clean.test, clean.formerTest]).toEqual([undefined, undefined]);
});

test("what is asked for while it is not allowed is refused by name", () => {
  expect(codeOf(() => begun({}, shop({ state: "EnableFailed" })))).toBe("StateNotAllowed");
  expect(codeOf(() => begun({}, shop({ state: "FailingOver" })))).toBe("Conflict");
  expect(codeOf(() => beginTestCleanup(shop(), { now: NOW }))).toBe("StateNotAllowed");
  expect(codeOf(() => beginTestCleanup(begun(), { now: NOW }))).toBe("Conflict");
  const network = { kind: "named", id: NETWORK } as const;
  expect(codeOf(() => begun({ network, subnets: [] }))).toBe("InvalidRequest");
});

test("a failover may begin while a test is made, and the test goes on", () => {
  const item = beginFailover(withChoice(begun()), { now: NOW });
  expect(item.state).toBe("FailingOver");
  const ready = ended(item);
  expect(ready.test?.state).toBe("ready");
  expect(beginTestCleanup(ready, { now: NOW }).test?.state).toBe("cleaning");
});

test.each(ITEM_STATES)("what %s allows never has both test and clean-up of one that is well", (state) => {
  for (const made of ["none", ...TEST_STATES] as const) {
    const allowed = allowedWith(state, made);
    expect(allowed.includes("TestFailoverCleanup")).toBe(["ready", "failed", "cleanupFailed"].includes(made));
    expect(allowed.includes("TestFailover")).toBe(state === "Protected" && ["none", "failed"].includes(made));
  }
});

test("what a test makes never has the name of what a failover of the same point makes", () => {
  const item = withChoice(begun());
  const names = [copyOf(item, {}), copyOf(item, { test: true })].map((target) => [
    target.vm,
    ...NICS.map(({ name }) => targetNic(target, name)),
    ...DISKS.map(({ name }) => targetDisk(target, name, POINT)),
  ]);
  const all = names.flat().map((id) => id.toLowerCase());
  expect(new Set(all).size).toBe(all.length);
  expect(copyOf(item, { test: true }).availabilitySet).toBeUndefined();
});

test("names keep within Azure's limits", () => {
  const long = "x".repeat(80);
  const item = shop();
  const vm = inGroup("Microsoft.Compute/virtualMachines", "v".repeat(64));
  const target = { ...copyOf(item, {}), vm };
  const made = copyOf(begun({}, { ...item, target }), { test: true });
  const lengthOf = (id: string) => id.slice(id.lastIndexOf("/") + 1).length;
  expect(lengthOf(made.vm)).toBe(64);
  expect(lengthOf(targetNic(made, long))).toBe(80);
  expect(lengthOf(targetDisk(made, long, POINT))).toBeLessThanOrEqual(80);
});

test("NICs go to the subnets of the same names, and in a named network to its first where there is none", () => {
  expect(testOf(begun()).place.nics.map(({ subnet }) => subnet.split("/").slice(-3).join("/"))).toEqual([
    "Ledger_VM-test/subnets/front",
    "Ledger_VM-test/subnets/back",
  ]);
  const network = { kind: "named", id: NETWORK } as const;
  const named = begun({ network, subnets: ["apps", "Back"] });
  expect(testOf(named).place.nics.map(({ subnet }) => subnet)).toEqual([
    `${NETWORK}/subnets/apps`,
    `${NETWORK}/subnets/Back`,
  ]);
});

test("what uses something goes before it, and a named network is never among what goes", () => {
  const kinds = (item: ItemRecord) => madeBy(withChoice(item)).map(({ part }) => part.kind);
  const own = kinds(begun());
  expect(own).toEqual(["vm", "nic", "nic", "disk", "disk", "blob", "blob", "network", "guard"]);
  const named = begun({ network: { kind: "named", id: NETWORK }, subnets: ["apps"] });
  expect(kinds(named)).toEqual(own.slice(0, -2));
  expect(madeBy(withChoice(named)).some(({ id }) => id === NETWORK)).toBe(false);
  expect(madeBy(begun()).map(({ part }) => part.kind)).toEqual(["vm", "nic", "nic", "network", "guard"]);
});

test("every part's tags say that it is a test's", () => {
  const roles = madeBy(withChoice(begun())).flatMap(({ role }) => role ?? []);
  expect(roles.every((role) => role.startsWith("test-"))).toBe(true);
});

test("the job names what was asked for; a clean-up's does not", () => {
  const item = begun({ point: POINT });
  expect(testJobOf(item)).toMatchObject({ kind: "testFailover", point: POINT, state: "InProgress" });
  const cleaning = beginTestCleanup(ended(item, FAILURE), { now: NOW });
  expect(testJobOf(cleaning).point).toBeUndefined();
});
