import type { BarrierId, MachineId } from "../engine/core/ids.ts";
import type { GroupPoint } from "../engine/journal/group-manifest.ts";
import type { PointPlace } from "../engine/journal/names.ts";
import { isGood } from "../engine/recovery/point-choice.ts";
import type { VerificationRecord } from "../engine/recovery/verification.ts";
import { listPoints } from "../engine/replication/points.ts";
import { knownUnreadable } from "./activities/unreadable.ts";
import { eachMember } from "./members.ts";
import type { Services } from "./services.ts";

/** `incomplete`: a member does not keep its point any more. */
export type GroupPointState = "good" | "bad" | "incomplete";

interface Member {
  readonly points: ReadonlyMap<BarrierId, PointPlace>;
  readonly known: VerificationRecord | undefined;
  /** Its points whose manifests are known not to be readable. */
  readonly unreadable: ReadonlySet<BarrierId>;
}

/** How each of these points stands now. One listing for each member. */
export async function standingsOf(
  { target, records }: Pick<Services, "target" | "records">,
  points: readonly GroupPoint[],
): Promise<(point: GroupPoint) => GroupPointState> {
  const machines = new Set(points.flatMap(({ members }) => members.map(({ machine }) => machine)));
  const found = new Map<MachineId, Member>();
  await eachMember(machines, async (machine) => {
    const places = await listPoints(target, machine);
    found.set(machine, {
      points: new Map(places.map((place) => [place.id, place])),
      known: (await records.verification.get(machine))?.value,
      unreadable: new Set((await knownUnreadable({ records }, machine)).map(({ point }) => point)),
    });
  });
  return ({ id, members }) => {
    const places = members.map(({ machine }) => ({ place: found.get(machine)?.points.get(id), machine }));
    if (places.some(({ place }) => !place)) return "incomplete";
    const good = places.every(({ place, machine }) => {
      const member = found.get(machine);
      return place && isGood(place, member?.known) && !member?.unreadable.has(place.id);
    });
    return good ? "good" : "bad";
  };
}
