import { type BarrierId, type GroupId, type MachineId } from "../../engine/core/ids.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type Micros, generation, micros, millis, sequence } from "../../engine/core/units.ts";
import type { GroupPoint } from "../../engine/journal/group-manifest.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { noBarriers, withWish, without } from "../../engine/recovery/barriers.ts";
import {
  type GroupRecord,
  type GroupRound,
  beginRound,
  endRound,
  roundVerdict,
} from "../../engine/recovery/group.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import { itemKeyOf } from "../../engine/recovery/item.ts";
import { checkNotBad } from "../../engine/recovery/point-choice.ts";
import { agingTime, retain } from "../../engine/recovery/retention.ts";
import { createGroupPoint, dropGroupPoints, readGroupPoints } from "../../engine/replication/group-points.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { eachMember } from "../members.ts";
import type { Services } from "../services.ts";
import { type Implementations, itemOf } from "./tools.ts";

export const groupActivities = {
  /** The group's record first: it fixes instant and members for good, so that a second run asks for the same. */
  async askGroup({ group, barrier: id, consistency }, { services }) {
    const known = await groupOf(services, group);
    const items = await protectedMembers(services, known);
    const now = services.clock.now();
    const members = items.map(({ machine }) => machine);
    if (!known.round && members.length === 0) return { asked: 0 };
    const { round } = await services.records.groups.update(group, (old) =>
      beginRound(old, { id, consistency, members }, now, aheadOf(items, consistency)),
    );
    if (round?.id !== id) return { asked: 0 };
    await eachMember(round.members, (machine) => ask(services, machine, round));
    return { asked: round.members.length };
  },

  async observeGroup({ group, barrier }, { services }) {
    const known = await groupOf(services, group);
    const { round } = known;
    // Another run has seen its end.
    if (round?.id !== barrier) return { state: "ended" };
    const requests = await eachMember(round.members, async (machine) => {
      const found = await services.records.barriers.get(machine);
      return { machine, request: found?.value.pending.find(({ id }) => id === barrier) };
    });
    const verdict = roundVerdict(round, requests, services.clock.now());
    if (verdict.state !== "ready") return verdict;
    return { state: "made", consistency: await makePoint(services, known, round) };
  },

  async endGroupRound({ group, barrier, end }, { services }) {
    const { round } = await groupOf(services, group);
    const members = round?.id === barrier ? round.members : [];
    await eachMember(members, (machine) =>
      services.records.barriers.upsert(machine, (old = noBarriers(machine)) => without(old, [barrier])),
    );
    const now = services.clock.now();
    await services.records.groups.update(group, (old) => endRound(old, barrier, end, now));
    await thinGroup(services, group, now);
    return null;
  },
} satisfies Partial<Implementations>;

/** @throws NotFound */
async function groupOf({ records }: Services, group: GroupId): Promise<GroupRecord> {
  const found = await records.groups.get(group);
  if (!found) throw new LeewardError("NotFound", `there is no group ${group}`);
  return found.value;
}

/** One that never was protected yet cannot be waited for; one that is, but is in trouble, must be. */
async function protectedMembers({ records }: Services, { members }: GroupRecord): Promise<ItemRecord[]> {
  const found = await eachMember(members, ({ machine }) => records.items.get(itemKeyOf(machine)));
  return found.flatMap((item) => (item?.value.state === "Protected" ? [item.value] : []));
}

/** Milliseconds that asking one of many members takes on a slow day. */
const ASKING = 10;

/** Every member hears of it at least twice before the instant, and has some time to freeze. */
function aheadOf(items: readonly ItemRecord[], consistency: GroupRound["consistency"]) {
  const slowest = Math.max(0, ...items.map(({ policy }) => policy.heartbeatEvery));
  return millis(2 * slowest + (consistency === "application" ? 10_000 : 2000) + ASKING * items.length);
}

async function ask(services: Services, machine: MachineId, round: GroupRound): Promise<void> {
  const { id, consistency, at, hold } = round;
  const { policy } = await itemOf(services, machine);
  const wish = { id, consistency, otherwise: policy.applicationFailure, instant: { at, hold } };
  await services.records.barriers.upsert(machine, (old = noBarriers(machine)) =>
    withWish(old, wish, services.clock.now()),
  );
}

/** Of members' points that exist and are good; written last. */
async function makePoint(
  services: Services,
  { group }: GroupRecord,
  round: GroupRound,
): Promise<GroupPoint["consistency"]> {
  const points = await eachMember(round.members, (machine) => goodPoint(services, machine, round.id));
  const application = points.every((point) => point.consistency === "application");
  const consistency = application ? "application" : "crash";
  await createGroupPoint(services.target, {
    format: 1,
    group,
    id: round.id,
    time: round.at,
    hold: round.hold,
    consistency,
    members: points.map(({ machine, position, sequence: at }) => ({
      machine,
      generation: position.generation,
      sequence: at,
      chain: position.chain,
    })),
  });
  return consistency;
}

/** @throws PointBad, NotFound */
async function goodPoint(
  { target, records }: Services,
  machine: MachineId,
  id: BarrierId,
): Promise<RecoveryPoint> {
  const point = await readPoint(target, machine, id);
  checkNotBad(point, (await records.verification.get(machine))?.value);
  return point;
}

/** The same rules as for a machine's points; what goes lets its members' points go. */
async function thinGroup({ records, target }: Services, group: GroupId, now: Micros): Promise<void> {
  const known = (await records.groups.get(group))?.value;
  // A failover that has not begun for every member may be about to read one of them.
  if (!known || known.failover?.begun === false) return;
  const points = await readGroupPoints(target, group);
  const placed = points.map(({ id, time, consistency }) => ({
    id,
    // Instants of one clock: they take the place of a journal's order.
    generation: generation(1),
    sequence: sequence(time),
    time,
    consistency,
  }));
  const { drop } = retain(placed, known.settings.retention, agingTime(placed, micros(now)));
  const dropped = new Set(drop.map(({ point }) => point.id));
  await dropGroupPoints(
    target,
    points.filter(({ id }) => dropped.has(id)),
  );
}
