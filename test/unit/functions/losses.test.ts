import { expect, test } from "vitest";
import { systemClock } from "../../../engine/core/clock.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { bytes, micros } from "../../../engine/core/units.ts";
import { segmentName } from "../../../engine/journal/names.ts";
import { beginFailover } from "../../../engine/recovery/begin.ts";
import { itemKeyOf, move } from "../../../engine/recovery/item.ts";
import { isComplete, lossesDue } from "../../../engine/recovery/lost-record.ts";
import { recordsIn } from "../../../engine/recovery/records.ts";
import { beginGeneration, withCut } from "../../../engine/recovery/replicating.ts";
import { findLedger } from "../../../engine/replication/loss-ledger.ts";
import { failoverActivities } from "../../../functions/activities/failover.ts";
import { lossActivities } from "../../../functions/activities/losses.ts";
import { handOver } from "../../../functions/handover.ts";
import { dead } from "../../fixtures/failing.ts";
import { carry } from "../../fixtures/carried.ts";
import { DISKS, type Event, cacheSegments, tell } from "../../fixtures/story.ts";
import { POINT, write } from "../../fixtures/verified.ts";
import { servicesOver, toolsOf } from "../../simulation/control-plane.ts";
import { Dice } from "../../simulation/dice.ts";
import { protectedItem } from "../../simulation/machine.ts";
import { memoryStores } from "../../simulation/stores.ts";

/** A point, a write that arrived behind it, one that only the lost cache holds, and one that never left the agent. */
const EVENTS: Event[] = [
  write(0, 0, 8, 1),
  ...POINT,
  write(0, 8, 8, 2),
  { kind: "seal" },
  write(0, 16, 8, 3),
  { kind: "seal" },
  write(0, 24, 8, 4),
  { kind: "seal" },
];

async function failedOver() {
  const story = await tell(EVENTS);
  const { machine, key, segments } = story;
  const stores = memoryStores();
  const [point] = await carry({ ...story, segments: segments.slice(0, 2) }, stores.target);
  await cacheSegments(stores.cache, segments.slice(2, 3));
  if (!point) throw new RangeError("no point");
  const records = recordsIn(stores.records);
  await records.items.create(
    itemKeyOf(machine),
    protectedItem({ machine, principal: "p", disks: DISKS }, new Dice(1)),
  );
  const begun = beginGeneration(machine, point.generation, undefined);
  await records.progress.create(machine, withCut(begun, point.position, [point], []));
  let reachable = false;
  const services = {
    ...servicesOver(stores, key, systemClock),
    objectsAt: () => (reachable ? stores.cache : dead(stores.cache)),
    cacheAccess: async () => ({ containerUrl: "https://cache.test/leeward?sig=x", expires: micros(1) }),
  };
  const asked = { now: systemClock.now(), point: point.id };
  const { job } = await records.items.update(itemKeyOf(machine), (old) => beginFailover(old, asked));
  await failoverActivities.planFailover(
    { machine, operation: job.operation, point: point.id },
    toolsOf(services),
  );
  await records.items.update(itemKeyOf(machine), (old) => move(old, "failedOver"));
  const item = (await records.items.get(itemKeyOf(machine)))?.value;
  if (!item) throw new RangeError("no item");
  const look = async () => {
    await lossActivities.readLosses({ machine }, toolsOf(services));
    return (await records.lost.get(machine))?.value;
  };
  const cameBack = () => (reachable = true);
  return { story, stores, services, item, look, cameBack, operation: job.operation };
}

const mark = (at: number, of: Awaited<ReturnType<typeof tell>>) => {
  const { header } = of.segments[at] ?? of.segments[0] ?? {};
  if (!header) throw new RangeError("no segment");
  return { sequence: header.to, time: header.lastTime, bytes: bytes(4096 * header.to) };
};

test("what had arrived is listed at once; what the old region holds, as soon as it can be reached", async () => {
  const { look, cameBack, stores, item, operation } = await failedOver();
  expect(await look()).toMatchObject({ writes: 1, arrived: 1, problem: { code: "StorageUnavailable" } });
  cameBack();
  const found = await look();
  expect(found).toMatchObject({ writes: 2, arrived: 1, bytes: 2 * 4096, ranges: 1, until: { sequence: 3 } });
  expect(found?.problem).toBeUndefined();
  expect(found && isComplete(found)).toBe(false);
  const ledger = await findLedger(stores.target, item.machine, operation);
  expect(ledger?.disks).toEqual([{ index: 0, ranges: [[8 * 512, 24 * 512]] }]);
});

test("the ledger is closed when the old agent has handed over the rest, and it was read", async () => {
  const { look, cameBack, story, stores, services, item } = await failedOver();
  cameBack();
  await look();
  const agent = { agentVersion: "0.1.0", generation: story.start.generation, captured: mark(3, story) };
  const answer = await handOver(services, item, { ...agent, cached: mark(2, story) });
  expect(answer).toMatchObject({
    wanted: true,
    cache: { containerUrl: expect.stringContaining("https://") },
  });
  const [last] = story.segments.slice(-1);
  if (!last) throw new RangeError("no segment");
  const { machine, generation, ordinal } = last.header;
  await stores.cache.put(segmentName(machine, generation, ordinal), last.bytes, "absent");
  const all = { ...agent, cached: mark(3, story) };
  expect(await handOver(services, item, all)).toMatchObject({ wanted: true, read: ordinal });
  const found = await look();
  expect(found).toMatchObject({ writes: 3, handover: { captured: 4, cached: 4 } });
  expect(found && isComplete(found)).toBe(true);
  expect(await handOver(services, item, all)).toEqual({ wanted: false });
});

test("what the cache lost when its region went down is asked for once more, until all was read", async () => {
  const { look, cameBack, story, stores, services, item } = await failedOver();
  cameBack();
  const { machine } = item;
  const hole = story.segments[2];
  if (!hole) throw new RangeError("no segment");
  const { generation, ordinal } = hole.header;
  await stores.cache.delete([segmentName(machine, generation, ordinal)]);
  const put = async (...segments: typeof story.segments) => cacheSegments(stores.cache, segments);
  await put(...story.segments.slice(3));
  const agent = { agentVersion: "0.1.0", generation, captured: mark(3, story), cached: mark(3, story) };
  const first = await handOver(services, item, agent);
  expect(first.again).toBeUndefined();
  const due = async () => {
    const record = (await services.records.lost.get(machine))?.value;
    return lossesDue(services.clock.now(), { ...item, state: "UnplannedFailoverCommitPending" }, record);
  };
  expect(await due()).toBe(true);
  expect(await look()).toMatchObject({ writes: 1 });
  expect(await due()).toBe(false);
  const second = await handOver(services, item, agent);
  expect(second).toMatchObject({ wanted: true, read: ordinal });
  expect(second.again?.[0]).toBe(ordinal);
  await put(hole);
  expect(await due()).toBe(true);
  const found = await look();
  expect(found && isComplete(found)).toBe(true);
  expect(await handOver(services, item, agent)).toEqual({ wanted: false });
});

test("only the agent of a machine that was failed over may hand over, and only what its own generation holds", async () => {
  const { services, story, item } = await failedOver();
  const request = { agentVersion: "0.1.0", captured: mark(3, story), cached: mark(2, story) };
  const refused = (of: typeof item, generation: typeof item.generation) =>
    handOver(services, of, { ...request, generation }).catch((error: unknown) =>
      error instanceof LeewardError ? error.code : error,
    );
  expect(await refused({ ...item, state: "Protected" }, story.start.generation)).toBe("StateNotAllowed");
  expect(await refused(item, item.generation)).toBe("AgentFenced");
});
