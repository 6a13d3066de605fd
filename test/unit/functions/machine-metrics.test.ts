import { expect, test } from "vitest";
import { machineMetrics } from "../../../engine/contract/metrics.ts";
import { MIB, bytes, diskIndex, generation, sequence } from "../../../engine/core/units.ts";
import { type Flow, withCounted } from "../../../engine/recovery/flow.ts";
import type { SourceMachine } from "../../../engine/recovery/item.ts";
import type { Known } from "../../../engine/recovery/health.ts";
import { metricsOf } from "../../../functions/machine-metrics.ts";
import { verificationFor } from "../../../engine/recovery/verification.ts";
import { NOW, POINT, VM, agent, ago, position, progress, protectedItem } from "../engine/recovery/fixture.ts";

const disk = (index: number, size: number): SourceMachine["disks"][number] => ({
  index: diskIndex(index),
  id: VM,
  name: `disk-${index}`,
  size: bytes(size),
  sku: "Premium_LRS",
  caching: "None",
});
const source: SourceMachine = {
  region: "westeurope",
  vmSize: "Standard_D2s_v5",
  tags: {},
  principal: "p",
  network: { name: "net", addressPrefixes: [], subnets: [] },
  nics: [],
  disks: [disk(0, MIB), disk(1, 3 * MIB)],
};
const item = protectedItem({ source });
const verification = verificationFor(undefined, item.machine, item.generation, ago(60));

const POINTED = { id: POINT, generation: generation(1), sequence: sequence(80), time: ago(20) };

const known = (more: Partial<Known> = {}): Known => ({
  item,
  agent: undefined,
  progress: undefined,
  ...more,
});

/** Heartbeats a second apart for ten minutes: so much is captured, cached and arrives in each. */
function flowOf(captured: number, cached: number, arrived: number): Flow {
  let flow: Flow | undefined;
  for (let n = 0; n <= 600; n++)
    flow = withCounted(
      flow,
      {
        captured: bytes(n * captured),
        cached: bytes(n * cached),
        arrived: bytes(n * arrived),
        disks: [
          { index: diskIndex(0), bytes: bytes(0), writes: 0 },
          { index: diskIndex(1), bytes: bytes(n * captured), writes: n * 3 },
        ],
      },
      ago(600 - n),
    );
  if (!flow) throw new RangeError("no heartbeat");
  return flow;
}

test("a machine of which nothing is known yet has figures that say so", () => {
  const found = metricsOf(known({ item: protectedItem() }), NOW);
  expect(machineMetrics.parse(found)).toEqual(found);
  expect(found).toMatchObject({ losses: null, compression: null, merge: null, verified: null, disks: [] });
});

test("churn is shown for the machine and for each disk", () => {
  const found = metricsOf(known({ agent: { ...agent(), flow: flowOf(4096, 4096, 4096) } }), NOW);
  expect(found.churn.bytesPerSecond / 4096).toBeCloseTo(1 - Math.exp(-2), 2);
  expect(found.disks.map(({ churn }) => Math.round(churn.bytesPerSecond / 4096))).toEqual([0, 1]);
  expect(found.disks[1]?.churn.writesPerSecond).toBeCloseTo(3 * (1 - Math.exp(-2)), 2);
});

test("a backlog that drains says when it is through; one that grows says nothing", () => {
  const arrived = position(5, 80);
  const draining = { ...agent(), flow: flowOf(1000, 3000, 500) };
  const { backlog } = metricsOf(known({ agent: draining, progress: progress({ arrived }) }), NOW);
  expect(backlog.cache.bytes).toBe(40_960);
  const net = 2000 * (1 - Math.exp(-2));
  expect(Math.abs((backlog.cache.etaSeconds ?? 0) - 40_960 / net)).toBeLessThan(1.5);
  expect(backlog.region).toEqual({ bytes: 81_920, copiedBytes: 0, etaSeconds: null });
  expect(backlog.replica.bytes).toBe(80 * 4096);
});

test("copies of a comparison are a backlog of their own, and no churn, and no loss", () => {
  const copied = (writes: number) => ({ copied: { writes, bytes: bytes(writes * 4096) } });
  const captured = { sequence: sequence(100), time: ago(1), bytes: bytes(409_600), ...copied(60) };
  const cached = { sequence: sequence(90), time: ago(3), bytes: bytes(368_640), ...copied(55) };
  const point = { ...POINTED, sequence: sequence(70) };
  const arrived = position(8, 80, copied(50));
  const found = metricsOf(
    known({ agent: agent({ captured, cached }), progress: progress({ arrived, point }) }),
    NOW,
  );
  expect(machineMetrics.parse(found)).toEqual(found);
  expect(found.backlog.cache).toMatchObject({ bytes: 5 * 4096, copiedBytes: 5 * 4096 });
  expect(found.backlog.region).toMatchObject({ bytes: 10 * 4096, copiedBytes: 10 * 4096 });
  expect(found.watermarks.captured).toMatchObject({
    sequence: 100,
    bytes: 40 * 4096,
    copiedBytes: 60 * 4096,
  });
  expect(found.losses?.vm).toMatchObject({ writes: 5, bytes: 5 * 4096 });
  expect(found.losses?.region).toMatchObject({ writes: 10, bytes: 10 * 4096 });
});

test("ratios are of bytes before to bytes after", () => {
  const merged = { bytes: bytes(9000), written: bytes(3000) };
  const copied = known({
    agent: agent({ uploaded: bytes(80 * 1024) }),
    progress: progress({ arrived: position(5, 80), merged }),
  });
  expect(metricsOf(copied, NOW)).toMatchObject({ compression: 4, merge: 3 });
});

test("the scrub's coverage is told for each disk: it goes through one after the other", () => {
  const scrub = { next: 16 + 12, since: ago(60), wholeAt: ago(60) };
  const found = metricsOf(known({ verification: { ...verification, journal: { scrub } } }), NOW);
  expect(found.disks.map(({ verifiedFraction }) => verifiedFraction)).toEqual([1, 0.25]);
  expect(found.verified).toMatchObject({ fraction: 28 / 64 });
});

test("figures of a machine that was failed over claim no loss", () => {
  const over = protectedItem({ state: "UnplannedFailoverCommitPending" });
  const arrived = position(5, 80);
  const after = known({ item: over, agent: agent(), progress: progress({ arrived, point: POINTED }) });
  expect(metricsOf(after, NOW).losses).toBeNull();
  expect(metricsOf({ ...after, item }, NOW).losses?.region.writes).toBe(20);
});
