import { groupActivities } from "../../functions/activities/group.ts";
import { carryOnGroup, failOverGroup } from "../../functions/group-failover.ts";
import { joinGroup, leaveGroup, reconcileMember } from "../../functions/membership.ts";
import type { GroupPoint } from "../../engine/journal/group-manifest.ts";
import { createGroupPoint } from "../../engine/replication/group-points.ts";
import { readPoint } from "../../engine/replication/points.ts";
import { itemOf, progressOf } from "../../functions/activities/tools.ts";
import { lastSegment } from "../../engine/recovery/item.ts";
import { readAsked } from "../../engine/recovery/member-list.ts";
import type { GroupRecord } from "../../engine/recovery/group.ts";
import { startFailover } from "./failover.ts";
import { type Plane, toolsOf } from "./control-plane.ts";
import type { Deed } from "./causality.ts";
import type { Group } from "./group.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

type GroupFailover = NonNullable<GroupRecord["failover"]>;
type Entry = readonly [weight: number, action: () => Promise<void> | void];

/** What happens to the group, and between its members. */
export function ofGroup(world: World, machine: Machine): Entry[] {
  const { group, scheduler } = world;
  if (!group) return [];
  const { record } = group;
  const start = (weight: number, kind: string, work: (plane: Plane) => Promise<unknown>): Entry => [
    scheduler.alive(kind).length < 2 ? weight : 0,
    () => void world.start(kind, machine, work),
  ];
  const member = group.has(machine.id);
  const old = record.round && world.now > record.round.at + 20e6;
  return [
    start(member ? 0 : 4, "join", (plane) => join(plane, group)),
    start(member ? 0.1 : 0, "leave", leave),
    start(0.3, "reconcile", reconcile),
    start(record.round ? 0.3 : 5, "ask", (plane) => ask(world, plane, group)),
    start(record.round && group.asked.has(record.round.id) ? 8 : 0, "observe", (plane) =>
      observe(plane, group),
    ),
    start(old ? 0.3 : 0, "give-up", (plane) => giveUp(plane, group)),
    start(record.failover?.begun === false ? 3 : 0, "carry-on", (plane) => carryOn(plane, group)),
    [group.isNear(world.now) ? 30 : 3, () => void tell(world, machine)],
  ];
}

const join = async ({ machine, services }: Plane, group: Group) =>
  joinGroup(services, await itemOf(services, machine), group.id);

const leave = async ({ machine, services }: Plane) => leaveGroup(services, await itemOf(services, machine));

const reconcile = async ({ machine, services }: Plane) =>
  reconcileMember(services, await itemOf(services, machine));

/** The beginning of `orchestrations/group-point.ts`, which the timer begins again when it was lost. */
export async function ask(world: World, { services }: Plane, group: Group): Promise<void> {
  const { round } = group.record;
  const barrier = round?.id ?? world.newBarrier();
  const rests = round ? round.consistency === "application" : world.dice.chance(0.2);
  if (rests) for (const { guest } of world.machines) guest.wantsRest.add(barrier);
  const consistency = rests ? "application" : "crash";
  const wish = { group: group.key, barrier, consistency } as const;
  const { asked } = await groupActivities.askGroup(wish, toolsOf(services));
  if (asked > 0) group.asked.add(barrier);
}

/** One turn of the same. */
export async function observe(plane: Plane, { key: group, record }: Group): Promise<void> {
  const { services, step } = plane;
  const barrier = record.round?.id;
  if (!barrier) return;
  const tools = toolsOf(services);
  if (step === "early-group") await makeEarly(plane, record);
  const seen = await groupActivities.observeGroup({ group, barrier }, tools);
  const end =
    seen.state === "made" ? { consistency: seen.consistency } : seen.state === "failed" && { why: seen.why };
  if (end) await groupActivities.endGroupRound({ group, barrier, end }, tools);
}

/** To the newest common point that every member still has, and has good. */
export function failOverTogether(world: World): void {
  const { group, machines, scheduler } = world;
  const [first] = machines;
  if (!group || !first || scheduler.alive("fail-over-group").length > 1) return;
  world.start("fail-over-group", first, async ({ services }) => {
    const { client } = toolsOf(services);
    const asked = { now: services.clock.now(), token: "together" };
    await failOverGroup(services, client, group.record, asked, { acceptBadPoint: false });
  });
}

/** Each member's own failover begins, if not by the call that began all then by the timer. */
export function beginTogether(world: World, { operation, point, members }: GroupFailover): void {
  world.note(`a failover of ${members} machines to ${point} begins`);
  world.tally.note(`group: failed over, of ${members}`);
  for (const machine of world.machines) {
    const wanted = world.group?.failedOver.some((item) => lastSegment(item) === machine.id);
    if (machine.failover || !wanted) continue;
    machine.failover = { wanted: point, token: `member of ${operation}`, disks: new Map() };
    startFailover(world, machine);
  }
}

const carryOn = ({ services }: Plane, { record }: Group) =>
  carryOnGroup(services, toolsOf(services).client, record);

export async function giveUp({ services }: Plane, { key: group, record }: Group): Promise<void> {
  const barrier = record.round?.id;
  const end = { why: "it became no recovery point of every member" };
  if (barrier) await groupActivities.endGroupRound({ group, barrier, end }, toolsOf(services));
}

/** A guest writes, and once that is acknowledged another one hears of it, and writes because of it. */
export async function tell(world: World, { guest }: Machine, cause?: Deed): Promise<void> {
  const { dice, causality } = world;
  const { running } = guest;
  if (!running || guest.frozen) return;
  const deed = causality.noteDeed(guest, cause);
  await guest.write(dice.chance(0.1));
  if (world.mutation?.step !== "skip-hold") await running.capture.exports[0]?.holding?.();
  if (guest.running !== running || running.process.state === "dead") return;
  const others = world.machines.filter((other) => other.guest !== guest);
  const to = dice.chance(0.6) ? dice.pick(others) : undefined;
  if (to) await tell(world, to, deed);
}

/** As soon as one member has its point, the others' journals count as far as they have arrived. */
async function makeEarly({ services }: Plane, { group, round }: GroupRecord): Promise<void> {
  if (!round) return;
  const { id, at: time, hold } = round;
  const members: GroupPoint["members"] = [];
  let some = false;
  for (const machine of await readAsked(services.target, round.list)) {
    const point = await readPoint(services.target, machine, id).catch(() => undefined);
    const { arrived } = await progressOf(services, machine);
    const { generation, chain } = point?.position ?? arrived;
    members.push({ machine, generation, sequence: point?.sequence ?? arrived.sequence, chain });
    some ||= point !== undefined;
  }
  if (some)
    await createGroupPoint(services.target, {
      format: 1,
      group,
      id,
      time,
      hold,
      consistency: "crash",
      members,
    });
}
