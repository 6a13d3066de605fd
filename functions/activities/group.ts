import type { BarrierId, GroupId, MachineId } from "../../engine/core/ids.ts";
import { LeewardError, hasCode } from "../../engine/core/errors.ts";
import { type Micros, generation, micros, sequence } from "../../engine/core/units.ts";
import type { GroupPoint } from "../../engine/journal/group-manifest.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { type GroupRecord, type GroupRound, endRound, roundVerdict } from "../../engine/recovery/group.ts";
import { readAsked } from "../../engine/recovery/member-list.ts";
import { checkNotBad } from "../../engine/recovery/point-choice.ts";
import { agingTime, retain } from "../../engine/recovery/retention.ts";
import { createGroupPoint, dropGroupPoints, readGroupPoint } from "../../engine/replication/group-points.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { groupPlaces } from "../group-points.ts";
import { beginMembers, noteBegun } from "../group-failover.ts";
import { askAll, dropLists, fixRound, withdrawAll } from "../group-round.ts";
import { eachMember } from "../members.ts";
import type { Services } from "../services.ts";
import { healing } from "./healing.ts";
import type { Implementations } from "./tools.ts";

export const groupActivities = {
  async askGroup({ group, barrier: id, consistency }, { services }) {
    const round = await fixRound(services, await groupOf(services, group), { id, consistency });
    if (round) await askAll(services, round);
    return { asked: round?.members ?? 0 };
  },

  async observeGroup({ group, barrier, from = 0 }, { services }) {
    const known = await groupOf(services, group);
    const { round } = known;
    // Another run has seen its end.
    if (round?.id !== barrier) return { state: "ended" };
    const members = await readAsked(services.target, round.list);
    const verdict = await verdictFrom(services, round, members, from);
    if (verdict.state !== "ready") return verdict;
    return { state: "made", consistency: await makePoint(services, known, round, members) };
  },

  beginGroupFailover: (part, { services, client }) => beginMembers(services, client, part),

  async noteGroupBegun(job, { services }) {
    await noteBegun(services, job);
    return null;
  },

  async endGroupRound({ group, barrier, end }, { services }) {
    const { round } = await groupOf(services, group);
    if (round?.id === barrier) await withdrawAll(services, group, round);
    const now = services.clock.now();
    await services.records.groups.update(group, (old) => endRound(old, barrier, end, now));
    await dropLists(services, group, barrier);
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

/** So many members are looked at before it is known whether those before them are ready. */
const AT_A_LOOK = 256;

/**
 * What the members from the given one on have come to. Looks no further than needed: who is waited for is looked at again by the
 * next look, and who is behind it then. So each is read once, and a few once more for each look.
 */
async function verdictFrom(
  { records, clock }: Services,
  round: GroupRound,
  members: readonly MachineId[],
  from: number,
): Promise<ReturnType<typeof roundVerdict>> {
  for (let at = from; at < members.length; at += AT_A_LOOK) {
    const requests = await eachMember(members.slice(at, at + AT_A_LOOK), async (machine) => {
      const found = await records.barriers.get(machine);
      return { machine, request: found?.value.pending.find(({ id }) => id === round.id) };
    });
    const verdict = roundVerdict(round, requests, clock.now());
    if (verdict.state === "waiting") return { ...verdict, ready: at + verdict.ready };
    if (verdict.state === "failed") return verdict;
  }
  return { state: "ready" };
}

/** Of members' points that exist and are good; written last. */
async function makePoint(
  services: Services,
  { group }: GroupRecord,
  round: GroupRound,
  members: readonly MachineId[],
): Promise<GroupPoint["consistency"]> {
  const points = await eachMember(members, (machine) => goodPoint(services, machine, round.id));
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
async function goodPoint(services: Services, machine: MachineId, id: BarrierId): Promise<RecoveryPoint> {
  const { target, records } = services;
  const point = await healing(services, machine, () => readPoint(target, machine, id));
  checkNotBad(point, (await records.verification.get(machine))?.value);
  return point;
}

/** The same rules as for a machine's points; what goes lets its members' points go. */
async function thinGroup(services: Services, group: GroupId, now: Micros): Promise<void> {
  const { records, target } = services;
  const known = (await records.groups.get(group))?.value;
  // A failover that has not begun for every member may be about to read one of them.
  if (!known || known.failover?.begun === false) return;
  const points = await groupPlaces(services, group);
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
  const needless = points.filter(({ id }) => dropped.has(id));
  const manifests: GroupPoint[] = [];
  for (const place of needless) {
    const point = await readGroupPoint(target, place).catch(unreadable);
    if (point) manifests.push(point);
  }
  await dropGroupPoints(target, needless);
  await putBack(services, group, manifests);
}

function unreadable(error: unknown): undefined {
  if (!hasCode(error, "ManifestDamaged") && !hasCode(error, "NotFound")) throw error;
}

/** A failover that began between the look and the deletion waits for the very point that it chose. */
async function putBack(
  { records, target }: Services,
  group: GroupId,
  dropped: readonly GroupPoint[],
): Promise<void> {
  const failover = (await records.groups.get(group))?.value.failover;
  const wanted = dropped.find(({ id }) => failover?.begun === false && id === failover.point);
  if (wanted) await createGroupPoint(target, wanted);
}
