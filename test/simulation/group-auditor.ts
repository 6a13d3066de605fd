import { LeewardError } from "../../engine/core/errors.ts";
import type { BarrierId, GroupId } from "../../engine/core/ids.ts";
import { type GroupPoint, decodeGroupPoint } from "../../engine/journal/group-manifest.ts";
import {
  healGroupPoint,
  listKeptGroupPoints,
  readGroupPoint,
} from "../../engine/replication/group-points.ts";
import { listPoints, readPointAt } from "../../engine/replication/points.ts";
import { parseGroupPointName, parsePointName, pointName } from "../../engine/journal/names.ts";
import type { RetentionPolicy } from "../../engine/recovery/retention-policy.ts";
import { OverlayObjectStore } from "../../engine/storage/overlay.ts";
import type { Causality } from "./causality.ts";
import type { Moment } from "./deletions.ts";
import type { AskedRound } from "./group.ts";
import { Kept } from "./kept.ts";
import type { Machine } from "./machine.ts";
import type { Stores } from "./stores.ts";
import type { Tally } from "./tally.ts";
import { Violation } from "./truth.ts";
import type { Storm } from "./weather.ts";

type Member = GroupPoint["members"][number];

/** Judges each common point when it is put, and what is left of all of them at the end. */
export class GroupAuditor {
  readonly #stores: Stores;
  readonly #storm: Storm;
  readonly #causality: Causality;
  readonly #machines: readonly Machine[];
  readonly #group: GroupId;
  readonly #roundOf: (id: BarrierId) => AskedRound | undefined;
  readonly #tally: Tally;
  readonly #kept = new Kept();

  constructor(s: {
    stores: Stores;
    storm: Storm;
    causality: Causality;
    /** All that there are; more may come. */
    machines: readonly Machine[];
    group: GroupId;
    /** As it was asked for. */
    roundOf: (id: BarrierId) => AskedRound | undefined;
    tally: Tally;
  }) {
    this.#stores = s.stores;
    this.#storm = s.storm;
    this.#causality = s.causality;
    this.#machines = s.machines;
    this.#group = s.group;
    this.#roundOf = s.roundOf;
    this.#tally = s.tally;
  }

  /** @throws Violation */
  async pointed(name: string): Promise<void> {
    const object = await this.#stores.target.get(name);
    if (!object) return;
    const point = decodeGroupPoint(object.body);
    this.#tally.note("group: point");
    if (point.members.length > 1) this.#tally.note("group: point of several members");
    const consistencies = new Set<string>();
    for (const member of point.members) consistencies.add(await this.#checkMember(point, member));
    this.#checkMembers(point);
    this.#checkCut(point);
    if (point.consistency === "application" && consistencies.has("crash"))
      throw new Violation(`group: point ${point.id} claims more than its members' points`);
    // In the order of their instants, whatever their members' journals are.
    this.#kept.made(name, { id: point.id, time: point.time, generation: 1, sequence: point.time });
  }

  /** Manifests go, of the group's points or of its members': only what the policy lets go, and the group's first. @throws Violation */
  async deleted(names: readonly string[], policy: RetentionPolicy, at: Moment): Promise<void> {
    if (this.#storm.lied) return;
    this.#kept.dropped({ names, ...at }, policy);
    this.#tally.note("group: point thinned", names.filter((name) => parseGroupPointName(name)).length);
    const parts = names.flatMap((name) => parsePointName(name) ?? []);
    if (parts.length === 0) return;
    for (const { id, members } of await this.#points())
      for (const { machine } of members)
        if (parts.some((part) => part.id === id && part.machine === machine))
          throw new Violation(`group: point ${id} is kept, and ${machine}'s part of it was dropped`);
  }

  /** Every member has it: of its own journal, and as the manifest says. */
  async #checkMember({ id }: GroupPoint, { machine, generation, sequence, chain }: Member): Promise<string> {
    const missing = `group: point ${id} was made before ${machine} had it`;
    const truth = this.#machines.find((one) => one.id === machine)?.truth;
    if (truth?.momentOf({ generation, id })?.sequence !== sequence)
      throw new Violation(
        `${missing}: it is no barrier of it at write ${sequence} of generation ${generation}`,
      );
    const name = pointName(machine, generation, sequence, id);
    const places = await listPoints(this.#stores.target, machine);
    if (!places.some((place) => place.id === id && place.generation === generation)) {
      if (this.#storm.lied) return "crash";
      throw new Violation(missing);
    }
    const point = await readPointAt(this.#stores.target, name);
    if (point.position.chain !== chain)
      throw new Violation(`group: point ${id} names another chain than ${machine}'s own`);
    return point.consistency;
  }

  /** Those that belonged to the group when it was asked for: none is left out, none came later. */
  #checkMembers({ id, members, time }: GroupPoint): void {
    const round = this.#roundOf(id);
    const [are, asked] = [members.map(({ machine }) => machine).join(), round?.members.join()];
    if (are !== asked) throw new Violation(`group: point ${id} has ${are}, and was asked of ${asked}`);
    if (round?.at !== time)
      throw new Violation(`group: point ${id} is of another instant than was asked for`);
  }

  /** No effect without its cause. */
  #checkCut({ id, members }: GroupPoint): void {
    const torn = this.#causality.tornBy(id, members);
    if (torn !== undefined) throw new Violation(`group: point ${id} is torn: ${torn}`);
  }

  /** What is kept of them is whole. Returns how many there are. */
  async everything(): Promise<number> {
    const { target } = this.#stores;
    const points = await this.#points();
    for (const point of points)
      for (const { machine } of point.members) {
        const places = await listPoints(target, machine);
        if (!this.#storm.lied && !places.some(({ id }) => id === point.id))
          throw new Violation(`group: point ${point.id} is kept, and ${machine}'s part of it is not`);
      }
    return points.length;
  }

  /** As whoever reads them gets them: what rots is made again. @throws Violation */
  async #points(): Promise<GroupPoint[]> {
    const objects = new OverlayObjectStore(this.#stores.target);
    const { there, lost } = await listKeptGroupPoints(objects, this.#group);
    const points: GroupPoint[] = [];
    for (const place of [...there, ...lost]) {
      const point = await readGroupPoint(objects, place).catch(async () => {
        await healGroupPoint(objects, place);
        return readGroupPoint(objects, place).catch((error: unknown) => this.#lost(error));
      });
      if (point) points.push(point);
    }
    return points;
  }

  #lost(error: unknown): undefined {
    if (this.#storm.lied && error instanceof LeewardError) return undefined;
    throw new Violation(`7: a group's point cannot be read: ${String(error)}`);
  }
}
