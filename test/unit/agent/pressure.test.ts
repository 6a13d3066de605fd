import { readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Capture } from "../../../agent/capture.ts";
import { sha256 } from "../../../engine/core/digest.ts";
import type { BarrierId } from "../../../engine/core/ids.ts";
import { KIB, MIB, bytes, millis } from "../../../engine/core/units.ts";
import type { SegmentHeader } from "../../../engine/journal/header.ts";
import { checkSegment } from "../../../engine/journal/segment.ts";
import { type TroubledCache, troubledCache } from "../../fixtures/cache-trouble.ts";
import {
  LateSealer,
  type TestMachine,
  barrier,
  diskOf,
  replayed,
  streaming,
  testMachine,
  until,
  write,
} from "./machine.ts";

const SIZE = 20 * MIB;
const LIMIT = 16 * MIB;

interface Pressed {
  readonly machine: TestMachine;
  readonly cache: TroubledCache;
  readonly model: Buffer;
  capture: Capture;
  sealer: LateSealer;
}

/** In no hurry to stop for a test. */
function eager(): LateSealer {
  const sealer = new LateSealer();
  sealer.letAll();
  return sealer;
}

/** Its first comparison behind it, and a cache that is at the test's mercy. */
async function pressed(): Promise<Pressed> {
  const model = Buffer.alloc(SIZE);
  const sealer = eager();
  const machine = testMachine([model], LIMIT, { draftSegment: sealer.draft });
  const cache = troubledCache(machine.store);
  machine.begin(1, cache.store);
  await streaming(machine);
  return { machine, cache, model, capture: machine.capture, sealer };
}

function put(all: Pressed, offset: number, data: Buffer): void {
  write(diskOf(all), offset, data);
  data.copy(all.model, offset);
}

const rungOf = ({ capture }: Pressed) => capture.status?.pressure.rung;
const quiet = (all: Pressed) =>
  until(() => rungOf(all) !== "merging" && all.capture.status?.backlog.segments === 0);

/** Incompressible, as much as the marks count. */
function fill(all: Pressed, from: number, end: number, step = 512 * KIB): void {
  for (let at = from; at < end; at += step) put(all, at, randomBytes(step));
}

/** The agent is gone without a word, and another one has its disk and its spool. */
async function kill(all: Pressed): Promise<void> {
  await all.sealer.kill();
  all.sealer = eager();
  all.capture = all.machine.restarted({ draftSegment: all.sealer.draft });
  const { capture } = all;
  onTestFinished(() => capture.close(millis(0)).catch(() => undefined));
}

async function segmentsIn({ machine: { store } }: Pressed): Promise<SegmentHeader[]> {
  const headers: SegmentHeader[] = [];
  for await (const { name } of store.list("")) {
    const found = name.endsWith(".seg") ? await store.get(name) : undefined;
    if (found) headers.push(checkSegment(found.body).header);
  }
  return headers;
}

async function expectPoint(all: Pressed, id: BarrierId): Promise<void> {
  const expected = Buffer.from(all.model);
  await until(() => {
    void all.capture.requestBarrier(id);
    return all.capture.status?.barriers.some((one) => one.id === id) === true;
  });
  await quiet(all);
  const records = await all.machine.journal();
  const [disk] = replayed(records, [SIZE], id);
  expect(sha256(disk ?? Buffer.alloc(0))).toBe(sha256(expected));
  expect(sha256(readFileSync(all.machine.diskPaths[0] ?? ""))).toBe(sha256(all.model));
}

test("each rung is reached, says so, and is left again; what was overwritten meanwhile does not travel", async () => {
  const all = await pressed();
  await expectPoint(all, barrier(1));
  all.cache.trouble = "stuck";
  expect(rungOf(all)).toBe("normal");
  fill(all, 0, 6.5 * MIB);
  expect(rungOf(all)).toBe("slow");
  expect(all.capture.status?.problem?.code).toBe("CacheBehind");
  fill(all, 6.5 * MIB, 10 * MIB);
  const { captured } = all.capture.status ?? {};
  for (let n = 0; n < 40; n++) put(all, 12 * MIB, randomBytes(MIB));
  expect(rungOf(all)).toBe("merging");
  expect(all.capture.status?.problem?.message).toMatch(/writes are merged/);
  expect(all.capture.status?.pressure.unrecorded?.bytes).toBeLessThanOrEqual(2 * MIB);
  expect(all.capture.status?.captured.bytes).toBeLessThanOrEqual((captured?.bytes ?? 0) + MIB);
  all.cache.trouble = "none";
  await quiet(all);
  await expectPoint(all, barrier(2));
  put(all, 0, randomBytes(4096));
  await until(() => {
    put(all, 0, randomBytes(4096));
    return rungOf(all) === "normal";
  });
  expect(all.capture.status?.problem).toBeUndefined();
  const sent = (await all.machine.journal()).reduce(
    (sum, one) => sum + (one.kind === "data" ? one.data.length : 0),
    0,
  );
  expect(sent).toBeLessThan(13 * MIB);
  const merged = (await segmentsIn(all)).filter(({ indivisible }) => indivisible);
  expect(merged.length).toBeGreaterThan(0);
  for (const { marks, firstTime, lastTime } of merged) {
    expect(marks).toBe(false);
    expect(lastTime).toBe(firstTime);
  }
});

test("more than fits breaks the journal; the guest and the points before do not notice", async () => {
  const all = await pressed();
  await expectPoint(all, barrier(1));
  const before = Buffer.from(all.model);
  all.cache.trouble = "stuck";
  fill(all, 0, SIZE);
  expect(all.capture.status).toMatchObject({
    mode: "stopped",
    pressure: { rung: "broken" },
    problem: { code: "SpoolFull" },
    recovered: false,
  });
  expect(all.capture.resume).toBeUndefined();
  const missed = all.capture.status?.pressure.unrecorded?.bytes ?? 0;
  fill(all, 0, SIZE, MIB);
  expect(all.capture.status?.pressure.unrecorded?.bytes).toBe(missed + SIZE);
  expect(all.capture.status?.problem?.message).toMatch(
    /points before stay valid; .*a comparison begins when/,
  );
  all.cache.trouble = "none";
  await until(() => all.capture.status?.recovered === true);
  const [point] = replayed(await all.machine.journal(), [SIZE], barrier(1));
  expect(sha256(point ?? Buffer.alloc(0))).toBe(sha256(before));

  all.machine.begin(2, all.cache.store);
  await streaming(all);
  await quiet(all);
  const [copied] = replayed(await all.machine.journal(2), [SIZE]);
  expect(sha256(copied ?? Buffer.alloc(0))).toBe(sha256(all.model));
});

test("no barrier is set while what was merged cannot be recorded", async () => {
  const all = await pressed();
  all.cache.trouble = "stuck";
  fill(all, 0, 10 * MIB);
  put(all, 14 * MIB, randomBytes(64 * KIB));
  expect(rungOf(all)).toBe("merging");
  await all.capture.requestBarrier(barrier(1));
  expect(all.capture.status?.barriers).toEqual([]);
  all.cache.trouble = "none";
  await expectPoint(all, barrier(1));
});

test("killed while merging, it goes on where it was, and the disk keeps what was never recorded", async () => {
  const all = await pressed();
  await expectPoint(all, barrier(1));
  all.cache.trouble = "stuck";
  fill(all, 0, 10 * MIB);
  // Over a place that the newest log has: the log must not be written to the disk again.
  put(all, 9.5 * MIB, randomBytes(64 * KIB));
  put(all, 15 * MIB, randomBytes(100 * KIB));
  expect(rungOf(all)).toBe("merging");
  await kill(all);
  expect(rungOf(all)).toBe("merging");
  expect(sha256(readFileSync(all.machine.diskPaths[0] ?? ""))).toBe(sha256(all.model));
  put(all, 16 * MIB, randomBytes(100 * KIB));
  all.machine.begin(1, all.machine.store, undefined, all.capture);
  await quiet(all);
  await expectPoint(all, barrier(2));
});

type Step =
  | { do: "write"; at: number; length: number }
  | { do: "zero"; at: number; length: number }
  | { do: "trouble"; what: TroubledCache["trouble"] }
  | { do: "breathe" }
  | { do: "barrier" };

const unit = 4 * KIB;
const place = { at: fc.nat(SIZE / unit - 1), length: fc.integer({ min: 1, max: 400 }) };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant("write" as const), ...place }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("zero" as const), ...place }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("trouble" as const),
        what: fc.constantFrom("none", "none", "gone", "throttled", "slow", "stuck"),
      }),
    },
    { weight: 4, arbitrary: fc.constant({ do: "breathe" as const }) },
    { weight: 2, arbitrary: fc.constant({ do: "barrier" as const }) },
  ),
  { minLength: 20, maxLength: 120 },
);

test("whatever the ladder did, every point equals the model", async () => {
  const seen = new Set<string | undefined>();
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const all = await pressed();
      const moments = new Map<BarrierId, string>();
      let asked = 0;
      for (const step of list) {
        if (step.do === "write") {
          const length = Math.min(step.length * unit, SIZE - step.at * unit);
          put(all, step.at * unit, randomBytes(length));
        } else if (step.do === "zero") {
          const length = Math.min(step.length * unit, SIZE - step.at * unit);
          const zeroed = diskOf(all).zero(bytes(step.at * unit), bytes(length));
          all.model.fill(0, step.at * unit, step.at * unit + length);
          await zeroed;
        } else if (step.do === "trouble") all.cache.trouble = step.what;
        else if (step.do === "breathe") await new Promise((resolve) => setTimeout(resolve, 3));
        else if (step.do === "barrier") {
          // One that has to wait for the one before it is set at another instant.
          const id = barrier(++asked);
          const content = sha256(all.model);
          void all.capture.requestBarrier(id);
          if (all.capture.status?.barriers.some((one) => one.id === id)) moments.set(id, content);
        }
        seen.add(rungOf(all));
        if (all.capture.status?.mode === "stopped") break;
      }
      all.cache.trouble = "none";
      if (all.capture.status?.mode === "stopped") await until(() => all.capture.status?.recovered === true);
      else await expectPoint(all, barrier(++asked));
      const records = await all.machine.journal();
      for (const [id, content] of moments) {
        const [disk] = replayed(records, [SIZE], id);
        expect(sha256(disk ?? Buffer.alloc(0))).toBe(content);
      }
      await all.capture.close(millis(0));
    }),
    { numRuns: 8, endOnFailure: true },
  );
  expect([...seen]).toEqual(expect.arrayContaining(["normal", "slow", "merging"]));
}, 120_000);
