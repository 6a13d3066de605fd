import { describe, expect, test } from "vitest";
import { barrierId, operationId } from "../../../engine/core/ids.ts";
import { micros } from "../../../engine/core/units.ts";
import { groupPointName, groupTwinName } from "../../../engine/journal/names.ts";
import {
  createGroupPoint,
  listGroupPoints,
  readGroupPoint,
} from "../../../engine/replication/group-points.ts";
import { LeewardError } from "../../../engine/core/errors.ts";
import { groupActivities } from "../../../functions/activities/group.ts";
import { noteUnreadable } from "../../../functions/activities/unreadable.ts";
import { standingsOf } from "../../../functions/group-standing.ts";
import { failOverGroup } from "../../../functions/group-failover.ts";
import { groupPlaces, groupPointAt, groupPointsAt } from "../../../functions/group-points.ts";
import { NOW, POINT } from "../engine/recovery/fixture.ts";
import { GROUP, type Shop, achieve, asked, at, hub, shop } from "./shop.ts";

/** Two machines, with one point in common. */
async function pointMade() {
  const one = await shop("a", "b");
  await groupActivities.askGroup(asked, one.tools);
  for (const machine of one.machines) await achieve(one, machine);
  await groupActivities.observeGroup(at, one.tools);
  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, one.tools);
  const [place] = await listGroupPoints(one.services.target, GROUP);
  if (!place) throw new Error("no common point was made");
  return { one, place, made: await readGroupPoint(one.services.target, place) };
}

const cut = async ({ services: { target } }: Shop, name: string) => {
  const body = (await target.get(name))?.body ?? Buffer.alloc(0);
  await target.put(name, body.subarray(0, body.length / 2), "any");
};
const lose = ({ services }: Shop, name: string) => services.target.delete([name]);
const told = async ({ services, machines: [machine] }: Shop) =>
  machine && (await services.records.healing.get(machine))?.value.count;

/** Days later there are others, of which the first is the one that any write follows. */
async function thin(one: Shop): Promise<void> {
  const { target } = one.services;
  const [place] = await listGroupPoints(target, GROUP);
  if (!place) throw new Error("nothing to thin");
  const made = await readGroupPoint(target, place);
  for (const days of [1, 3]) {
    const id = barrierId(`00000000-0000-4000-8000-0000000000b${days}`);
    await createGroupPoint(target, { ...made, id, time: micros(NOW + days * 86_400_000_000) });
  }
  one.later(NOW + 3 * 86_400_000_000);
  await groupActivities.endGroupRound({ ...at, end: { consistency: "crash" } }, one.tools);
}

describe("the manifest of a group's point", () => {
  test.each([
    ["changed", cut],
    ["gone", lose],
  ])("that is %s is made again of its twin, and somebody is told", async (_, harm) => {
    const { one, place, made } = await pointMade();
    await harm(one, groupPointName(place));
    expect(await groupPlaces(one.services, GROUP)).toEqual([place]);
    expect(await groupPointAt(one.services, place)).toEqual(made);
    expect(await readGroupPoint(one.services.target, place)).toEqual(made);
    expect(await told(one)).toBe(1);
  });

  test("is what a failover goes to also when it was gone", async () => {
    const { one, made } = await pointMade();
    await lose(one, groupPointName(made));
    const known = (await one.services.records.groups.get(GROUP))?.value;
    if (!known) throw new Error("no group");
    const wanted = { now: NOW, token: "once" };
    const { job } = await failOverGroup(one.services, hub().client, known, wanted, { acceptBadPoint: false });
    expect(job.members).toBe(2);
  });

  test("is lost with its twin, and says so", async () => {
    const { one, place } = await pointMade();
    for (const name of [groupPointName(place), groupTwinName(place)]) await cut(one, name);
    await expect(groupPointAt(one.services, place)).rejects.toMatchObject({ code: "ManifestDamaged" });
  });

  test("is passed over by a failover when it is lost, which says so; others are listed beside it", async () => {
    const { one, place, made } = await pointMade();
    const { target, records } = one.services;
    const id = barrierId("00000000-0000-4000-8000-0000000000b1");
    const newer = { ...made, id, time: micros(made.time + 1_000_000) };
    await createGroupPoint(target, newer);
    for (const name of [groupPointName(newer), groupTwinName(newer)]) await cut(one, name);
    const { points, unreadable } = await groupPointsAt(one.services, await groupPlaces(one.services, GROUP));
    expect(points).toEqual([made]);
    expect(unreadable).toMatchObject([{ place: { id }, error: { code: "ManifestDamaged" } }]);
    const known = (await records.groups.get(GROUP))?.value;
    if (!known) throw new Error("no group");
    const { job } = await failOverGroup(
      one.services,
      hub().client,
      known,
      { now: NOW },
      { acceptBadPoint: false },
    );
    expect(job).toMatchObject({ point: place.id, passedOver: [{ point: id, code: "ManifestDamaged" }] });
  });

  test("of which a member's own cannot be read is bad", async () => {
    const { one, made } = await pointMade();
    const [machine] = one.machines;
    const member = made.members.find((each) => each.machine === machine);
    if (!machine || !member) throw new Error("no member");
    const at = { machine, id: made.id, generation: member.generation, sequence: member.sequence };
    const error = new LeewardError("ManifestDamaged", "not JSON");
    await noteUnreadable(one.services, machine, [{ place: at, error }]);
    expect((await standingsOf(one.services, [made]))(made)).toBe("bad");
    await noteUnreadable(one.services, machine, []);
    expect((await standingsOf(one.services, [made]))(made)).toBe("good");
  });

  test("that was thinned does not come back", async () => {
    const { one, place } = await pointMade();
    await thin(one);
    expect(await groupPlaces(one.services, GROUP)).not.toContainEqual(place);
    await expect(groupPointAt(one.services, place)).rejects.toMatchObject({ code: "NotFound" });
  });

  test("is put back for a failover that chose it just before it was thinned", async () => {
    const { one, place, made } = await pointMade();
    const { target, records } = one.services;
    const drop = target.delete.bind(target);
    target.delete = async (names) => {
      if (names.includes(groupTwinName(place)))
        await records.groups.update(GROUP, (old) => ({
          ...old,
          failover: {
            operation: operationId("00000000-0000-4000-8000-0000000000cc"),
            point: POINT,
            startTime: NOW,
            members: 2,
            acceptBadPoint: false,
            begun: false,
          },
        }));
      await drop(names);
    };
    await thin(one);
    expect(await groupPointAt(one.services, place)).toEqual(made);
  });
});
