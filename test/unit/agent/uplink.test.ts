import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Uplink } from "../../../agent/uplink.ts";
import type { Clock } from "../../../engine/core/clock.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { LADDER } from "../../../engine/core/retry.ts";
import { KIB, MIB, generation, micros, millis, ordinal } from "../../../engine/core/units.ts";
import { segmentName } from "../../../engine/journal/names.ts";
import { troubledCache } from "../../fixtures/cache-trouble.ts";
import { MACHINE, QUICK, caughtUp, diskOf, streaming, testMachine, until, write } from "./machine.ts";

const away = new LeewardError("StorageUnavailable", "away");
const denied = new LeewardError("StorageDenied", "no");

function uplink() {
  let now = micros(1e15);
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
  const link = new Uplink(clock, "vm-1", LADDER);
  return { link, pass: (ms: number) => void (now = micros(now + ms * 1000)) };
}

test("the ladder is climbed by one try a rung, and left at once with its first success", () => {
  const { link, pass } = uplink();
  expect(link.width).toBe(4);
  for (const rung of [1, 2, 4, 8, 10, 30, 30]) {
    const wait = link.failed(away) ?? 0;
    expect(wait / 60_000).toBeGreaterThanOrEqual(rung);
    expect(wait / 60_000).toBeLessThanOrEqual(rung * 1.2);
    expect(link.width).toBe(0);
    pass(wait - 1);
    expect(link.width).toBe(0);
    pass(1);
    expect(link.width).toBe(1);
  }
  link.succeeded();
  expect(link.state.state).toBe("well");
  expect(link.width).toBe(1);
  for (let n = 0; n < 5; n++) link.succeeded();
  expect(link.width).toBe(4);
  expect((link.failed(away) ?? 0) / 60_000).toBeLessThan(2);
});

test("uploads that fail together count as one failure", () => {
  const { link, pass } = uplink();
  const wait = link.failed(away) ?? 0;
  for (let n = 0; n < 3; n++) expect(link.failed(away)).toBeUndefined();
  pass(wait);
  expect((link.failed(away) ?? 0) / 60_000).toBeLessThan(3);
});

test("a refusal ends the tries until there is new access", () => {
  const { link, pass } = uplink();
  expect(link.failed(denied)).toBeUndefined();
  pass(24 * 3600 * 1000);
  expect(link.width).toBe(0);
  expect(link.state).toMatchObject({ state: "refused", error: denied });
  link.renewed();
  expect(link.width).toBe(1);
  link.succeeded();
  expect(link.state.state).toBe("well");
});

test("Retry-After is waited for", () => {
  const { link } = uplink();
  const busy = new LeewardError("StorageUnavailable", "busy", undefined, millis(600_000));
  expect(link.failed(busy)).toBeGreaterThanOrEqual(600_000);
});

test.for(["gone", "throttled", "slow", "stuck"] as const)(
  "a cache that is %s is got over, and the guest notices none of it",
  async (trouble) => {
    const machine = testMachine([Buffer.alloc(MIB, 1)]);
    const cache = troubledCache(machine.store);
    machine.begin(1, cache.store);
    await streaming(machine);
    await caughtUp(machine);
    cache.trouble = trouble;
    const before = cache.tries;
    for (let n = 0; n < 12; n++) write(diskOf(machine), n * 4096, Buffer.alloc(256 * KIB, n + 2));
    await until(() => cache.tries > before + 2);
    cache.trouble = "none";
    await until(() => machine.capture.status?.recovered === true);
    expect(machine.capture.status?.problem).toBeUndefined();
    expect((await machine.journal()).filter(({ kind }) => kind === "data").length).toBeGreaterThan(12);
    expect(cache.widest).toBeLessThanOrEqual(4);
  },
);

test("a cache that refuses is not asked again before there is new access, and the status says why", async () => {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  const cache = troubledCache(machine.store);
  machine.begin(1, cache.store);
  await streaming(machine);
  await caughtUp(machine);
  cache.trouble = "refused";
  const before = cache.tries;
  write(diskOf(machine), 0, Buffer.alloc(512 * KIB, 2));
  await until(() => machine.capture.status?.problem !== undefined);
  expect(machine.capture.status?.problem?.code).toBe("StorageDenied");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(cache.tries - before).toBeLessThanOrEqual(4);
  cache.trouble = "none";
  machine.begin(1, cache.store);
  await until(() => machine.capture.status?.recovered === true);
  expect(machine.capture.status?.problem).toBeUndefined();
});

const segmentsIn = (machine: { spoolDirectory: string }) =>
  readdirSync(join(machine.spoolDirectory, "000001")).filter((name) => name.endsWith(".seg")).length;

test("segments stay in the spool until they have arrived, over a restart too, and are sent again when asked for", async () => {
  const machine = testMachine([Buffer.alloc(MIB, 1)]);
  machine.begin();
  await streaming(machine);
  machine.capture.arrived(generation(1), ordinal(0), []);
  for (let n = 0; n < 6; n++) write(diskOf(machine), 0, Buffer.alloc(256 * KIB, n));
  await caughtUp(machine);
  const next = machine.capture.status?.cached.next ?? 0;
  const from = machine.capture.status?.keptFrom ?? 0;
  expect(segmentsIn(machine)).toBe(next - from);
  const before = await machine.journal();

  const again = machine.restarted();
  onTestFinished(() => again.close(millis(0)).catch(() => undefined));
  machine.begin(1, machine.store, undefined, again);
  expect(again.status?.keptFrom).toBe(from);
  const lost = ordinal(next - 2);
  const name = segmentName(MACHINE, generation(1), lost);
  const whole = (await machine.store.get(name))?.body;
  await machine.store.delete([name]);
  again.arrived(generation(1), ordinal(from), [lost, ordinal(0)]);
  await until(() => existsSync(join(machine.spoolDirectory, "state.json")));
  while (!(await machine.store.get(name))) await new Promise((resolve) => setTimeout(resolve, 2));
  expect((await machine.store.get(name))?.body).toEqual(whole);
  expect(await machine.journal()).toEqual(before);

  again.arrived(generation(1), ordinal(next), []);
  expect(segmentsIn(machine)).toBe(0);
  expect(again.status?.keptFrom).toBeUndefined();
});

test("what is kept goes before a write is refused", async () => {
  const machine = testMachine([Buffer.alloc(8 * MIB)], 4 * MIB);
  machine.begin();
  await streaming(machine);
  machine.capture.arrived(generation(1), ordinal(0), []);
  const { randomBytes } = await import("node:crypto");
  for (let n = 0; n < 30; n++) {
    write(diskOf(machine), 0, randomBytes(512 * KIB));
    await caughtUp(machine);
  }
  expect(machine.capture.status?.mode).toBe("streaming");
  expect(machine.capture.status?.keptFrom).toBeGreaterThan(10);
  expect((await machine.journal()).length).toBe(30);
});

test.each(["gone", "refused"] as const)("a stop does not wait for a cache that is %s", async (trouble) => {
  const machine = testMachine([Buffer.alloc(MIB)]);
  const cache = troubledCache(machine.store);
  machine.begin(1, cache.store, { ...QUICK, retryLadder: [...LADDER] });
  await streaming(machine);
  await caughtUp(machine);
  cache.trouble = trouble;
  write(diskOf(machine), 0, Buffer.alloc(4 * KIB, 1));
  await until(() => machine.capture.status?.problem !== undefined);
  const begun = performance.now();
  await machine.capture.close(millis(50_000));
  expect(performance.now() - begun).toBeLessThan(25_000);
});
