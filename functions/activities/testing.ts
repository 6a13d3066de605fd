import { ensureGuard, ensureIsolatedNetwork } from "../../engine/azure/isolated-network.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import type { OperationId } from "../../engine/core/ids.ts";
import { disksRebuildName } from "../../engine/journal/names.ts";
import { planTest, testRoadTo } from "../../engine/recovery/failover-plan.ts";
import { disksIn } from "../../engine/recovery/disk-size.ts";
import { type ItemRecord, itemKeyOf, lastSegment, sourceOf } from "../../engine/recovery/item.ts";
import { testGuard } from "../../engine/recovery/target-names.ts";
import type { Removed } from "../../engine/recovery/removed.ts";
import { madeBy, madePart } from "../../engine/recovery/test-parts.ts";
import type { TestChoice } from "../../engine/recovery/test-report.ts";
import { testOf, testTargetOf } from "../../engine/recovery/test-target.ts";
import { readCheckpoint } from "../../engine/replication/checkpoints.ts";
import type { Services } from "../services.ts";
import { note } from "./failover-note.ts";
import { choose, otherDisks, passedOver } from "./failover.ts";
import { healing } from "./healing.ts";
import { lookFor, removeMade } from "./made-parts.ts";
import { type Place, placeOf } from "./place.ts";
import { sent } from "./target.ts";
import { type Implementations, itemOf, progressOf } from "./tools.ts";

export const testActivities = {
  async planTest({ machine, operation }, { services }) {
    const item = await itemOf(services, machine);
    const place = await healing(services, machine, () => placeFor(services, item));
    const { nics } = sourceOf(item);
    const { rebuildSince } = await progressOf(services, machine);
    const facts = {
      // Nothing is imported from a replica that was found wrong, or whose import failed before.
      replica:
        rebuildSince === undefined && testOf(item).importRefused === undefined
          ? item.policy.replica
          : ("none" as const),
      disks: disksIn(item, place.generation).map(({ index }) => index),
      nics: nics.length,
      checkpointed: (await readCheckpoint(services.target, place)) !== undefined,
      ownNetwork: testOf(item).network.kind !== "named",
      again: testOf(item).again === true,
    };
    const newer = await passedOver(services, place);
    const chosen = { ...choiceOf(place), road: testRoadTo(facts), ...(newer && { passedOver: newer }) };
    await noteChoice(services, item, operation, chosen);
    const words = otherDisks(item, facts.disks);
    if (words !== undefined) await note(services, { machine, test: true }, words);
    return { point: place.id, steps: planTest(facts) };
  },

  async createTestGuard({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const target = testTargetOf(item);
    const inside = testOf(item).network.kind === "isolated";
    const prefixes = inside ? subnetsOf(item).map(({ addressPrefix }) => addressPrefix) : [];
    const owner = { machine, role: "test-guard" };
    const guard = { id: testGuard(target), location: target.region, owner, prefixes };
    return sent(await ensureGuard(services.arm, guard));
  },

  async createTestNetwork({ machine }, { services }) {
    const item = await itemOf(services, machine);
    const target = testTargetOf(item);
    const owner = { machine, role: "test-network" };
    const place = { id: target.network, location: target.region, owner };
    const network = { ...place, guard: testGuard(target), subnets: subnetsOf(item) };
    return sent(await ensureIsolatedNetwork(services.arm, network));
  },

  async planTestCleanup({ machine, operation }, { services }) {
    const item = await itemOf(services, machine);
    const { parts, removed } = await lookFor(services, item, madeBy(item), testOf(item).removed);
    await dropTestRebuild(services, item);
    await noteRemoved(services, item, operation, removed);
    return { parts };
  },

  async removeTestPart({ machine, part }, { services }) {
    const item = await itemOf(services, machine);
    const made = madePart(item, part);
    if (!made) throw new LeewardError("NotFound", `the test of ${machine} has no ${part.kind}`);
    return removeMade(services, services.arm, item, made);
  },
} satisfies Partial<Implementations>;

/** What a test that is tried again had chosen, what was asked for, or the newest good point: nothing is shipped for it. */
async function placeFor(services: Services, item: ItemRecord): Promise<Place> {
  const { chosen, point, moment } = testOf(item);
  const progress = await progressOf(services, item.machine);
  return choose(services, item, progress, { point: chosen?.point ?? point, moment });
}

function choiceOf(place: Place): Omit<TestChoice, "road"> {
  const { id, time, generation, sequence, consistency, position } = place;
  const between = !("losses" in place) && !("point" in place && place.point);
  return { point: id, pointTime: time, generation, sequence, consistency, ...(between && { position }) };
}

/**
 * From here on retention keeps what the test is built from. It may have dropped the point just before, so it is looked at
 * once more. @throws ObjectChanged when it is gone: the next try takes another
 */
async function noteChoice(
  services: Services,
  { machine }: ItemRecord,
  operation: OperationId,
  chosen: TestChoice,
): Promise<void> {
  const { records } = services;
  const noted = await records.items.update(itemKeyOf(machine), (old) =>
    old.test?.job.operation === operation ? { ...old, test: { ...old.test, chosen } } : old,
  );
  const { point, pointTime, road, position, passedOver: newer } = chosen;
  await services.records.jobs.update(operation, (old) => {
    const { place } = testOf(noted);
    const made = { point, pointTime, road, vm: place.vm, network: place.network };
    return { ...old, test: made, ...(newer && { passedOver: newer }) };
  });
  if (position) return;
  await healing(services, machine, () => placeOf(services, noted, point)).catch(async (error: unknown) => {
    if (!hasCode(error, "NotFound")) throw error;
    await records.items.update(itemKeyOf(machine), (old) => withoutChoice(old, operation));
    throw new LeewardError("ObjectChanged", `point ${point} of ${machine} was thinned as the test chose it`);
  });
}

function withoutChoice(item: ItemRecord, operation: OperationId): ItemRecord {
  if (item.test?.job.operation !== operation) return item;
  const { chosen: _, ...test } = item.test;
  return { ...item, test };
}

/** Those that the copy's NICs are in, as they are at the source: it may keep its addresses. */
function subnetsOf(item: ItemRecord): { readonly name: string; readonly addressPrefix: string }[] {
  const wanted = new Set(testOf(item).place.nics.map(({ subnet }) => lastSegment(subnet).toLowerCase()));
  return sourceOf(item).network.subnets.filter(({ name }) => wanted.has(name.toLowerCase()));
}

/** What is kept of an unfinished rebuild of the disks. */
async function dropTestRebuild(services: Services, item: ItemRecord): Promise<void> {
  const { chosen } = testOf(item);
  if (chosen) await services.target.delete([disksRebuildName(item.machine, chosen.point, "test")]);
}

/** Written before anything is deleted, so that whoever dies behind it leaves a list of all that he may have deleted. */
async function noteRemoved(
  { records }: Services,
  { machine }: ItemRecord,
  operation: OperationId,
  removed: Removed | undefined,
): Promise<void> {
  if (!removed) return;
  await records.items.update(itemKeyOf(machine), (old) =>
    old.test?.job.operation === operation ? { ...old, test: { ...old.test, removed } } : old,
  );
  await records.jobs.update(operation, (old) => ({ ...old, removed }));
}
