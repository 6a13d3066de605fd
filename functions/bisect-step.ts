import type { BisectResult, Bound } from "../engine/contract/bisect.ts";
import { toIso } from "../engine/core/clock.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { MachineId } from "../engine/core/ids.ts";
import type { DataKey } from "../engine/journal/key.ts";
import type { PointPlace } from "../engine/journal/names.ts";
import {
  type Mark,
  effortOf,
  fieldOf,
  groundOf,
  isBefore,
  markOf,
  nextState,
  writeBetween,
} from "../engine/replication/bisection.ts";
import { groundOfWrite, momentAfter, statesAround } from "../engine/replication/moment.ts";
import { listPoints } from "../engine/replication/points.ts";
import { type Ground, groundsOf, reachable, unreachable } from "../engine/replication/reach.ts";
import { describeWrite } from "../engine/replication/write-line.ts";
import type { ObjectStore } from "../engine/storage/store.ts";

/** States that were tried, as a request names them. */
interface Asked {
  readonly good: Bound;
  /** The newest state that can be restored when it is left out. */
  readonly bad?: Bound | undefined;
}

interface Source {
  readonly objects: ObjectStore;
  readonly machine: MachineId;
  readonly key: DataKey;
}

/**
 * What to try next between two states, or the write that lies between them.
 * @throws InvalidRequest naming the bound; MomentUnreachable; what reading the journal throws
 */
export async function bisectStep(
  { objects, machine, key }: Source,
  asked: Asked,
): Promise<BisectResult["properties"]> {
  const scene = { places: await listPoints(objects, machine), grounds: await groundsOf(objects, machine) };
  const newest = scene.grounds.at(-1)?.reach;
  if (!newest) throw unreachable([], "a state between recovery points", "not kept");
  const good = await markFor(scene, "good", asked.good);
  const last = { generation: newest.generation, sequence: newest.last.sequence };
  const bad = asked.bad ? await markFor(scene, "bad", asked.bad) : last;
  if (!isBefore(good, bad))
    throw new LeewardError(
      "InvalidRequest",
      `properties.${asked.bad ? "bad" : "good"}: good is ${named(good)}, which is not before bad, ${named(bad)}`,
    );
  return searched(scene.grounds, key, good, bad);
}

interface Scene {
  readonly places: readonly PointPlace[];
  readonly grounds: readonly Ground[];
}

/** @throws InvalidRequest when there is no such state */
async function markFor({ places, grounds }: Scene, field: keyof Asked, bound: Bound): Promise<Mark> {
  const refuse = (why: string): never => {
    throw new LeewardError("InvalidRequest", `properties.${field}: ${why}`);
  };
  if ("point" in bound) {
    const place = places.findLast(({ id }) => id === bound.point);
    return place ? markOf(place) : refuse(`there is no recovery point ${bound.point}`);
  }
  const isPoint = places.some((place) => !isBefore(place, bound) && !isBefore(bound, place));
  if (isPoint) return bound;
  const ground = grounds.find(({ generation }) => generation === bound.generation);
  const { first, last } = ground?.reach ?? {};
  if (!ground || !first || !last || bound.sequence < first.sequence || bound.sequence > last.sequence)
    return refuse(`${named(bound)} is no state that is kept; reachable: ${reachable(grounds)}`);
  const { before, after } = await statesAround(ground, bound.sequence);
  return after === bound.sequence
    ? bound
    : refuse(`${named(bound)} is a part of one change: only writes ${before} and ${after} are states`);
}

async function searched(grounds: readonly Ground[], key: DataKey, good: Mark, bad: Mark) {
  const next = await nextState(grounds, good, bad);
  if (next) {
    const { left, trials } = effortOf(fieldOf(grounds), good, bad);
    return { good, bad, next: await shown(grounds, key, next), left, trials, culprit: null };
  }
  const write = await writeBetween(grounds, key, good, bad);
  if (!write)
    throw unreachable(
      grounds,
      `a state between ${named(good)} and ${named(bad)}`,
      "not kept: what spoilt the machine was written between these two",
    );
  const culprit = { generation: bad.generation, ...describeWrite(write) };
  return { good, bad, next: null, left: 0, trials: 0, culprit };
}

/** As a test failover can be sent there: it takes a number for that of the newest generation that gave it. */
async function shown(grounds: readonly Ground[], key: DataKey, mark: Mark) {
  const { time, point } = await momentAfter(groundOf(grounds, mark), key, mark.sequence);
  const meant = groundOfWrite(grounds, mark.sequence)?.generation;
  if (!point && meant !== mark.generation)
    throw new LeewardError(
      "MomentUnreachable",
      `${named(mark)} cannot be tried: generation ${meant} gave that number once more, and a failover takes it for that one; the command bisect can`,
    );
  return { ...mark, time: toIso(time), recoveryPointId: point?.id ?? null };
}

const named = ({ generation, sequence }: Mark): string => `write ${sequence} of generation ${generation}`;
