import { hash } from "node:crypto";
import { toIso } from "../core/clock.ts";
import { hasCode } from "../core/errors.ts";
import { type BarrierId, type MachineId, barrierId, uuidOf } from "../core/ids.ts";
import type { Generation, Micros, Sequence } from "../core/units.ts";
import type { SegmentHeader } from "../journal/header.ts";
import type { DataKey } from "../journal/key.ts";
import type { RecoveryPoint } from "../journal/manifest.ts";
import { openSegment } from "../journal/open.ts";
import { type JournalPosition, startOf } from "../journal/position.ts";
import type { WriteRecord } from "../journal/record.ts";
import type { CheckedSegment } from "../journal/segment.ts";
import type { ObjectStore } from "../storage/store.ts";
import { momentBehind } from "./instant.ts";
import { readBackward, readOn } from "./journal-reader.ts";
import { readPoint, readPointAt } from "./points.ts";
import { type Edge, type Ground, disksOf, groundsOf, landmarkBefore, nameOf, unreachable } from "./reach.ts";
import type { RestoredDisk } from "./restore.ts";

/** What the disks of a machine were after one write and before the next, on all of them at once. */
export interface Moment {
  readonly machine: MachineId;
  readonly generation: Generation;
  /** Of the recovery point that it is; between points made of the three above and below, to name what is built from it. */
  readonly id: BarrierId;
  /** The last write that is in it. */
  readonly sequence: Sequence;
  /** Of the point's barrier, or of that write. */
  readonly time: Micros;
  /** Between points always `crash`: as after a power cut, since one sequence counts the writes of all disks. */
  readonly consistency: RecoveryPoint["consistency"];
  /** Behind a segment that holds the write, or behind a later one. */
  readonly position: JournalPosition;
  readonly disks: readonly RestoredDisk[];
  /** Undefined between points: nothing was digested there at the source. */
  readonly point: RecoveryPoint | undefined;
}

/** What to restore to. An instant takes in every write up to it, see `momentBehind`; `newest` all that has arrived. */
export type Wanted =
  | { readonly kind: "point"; readonly id: BarrierId }
  | { readonly kind: "instant"; readonly time: Micros }
  | { readonly kind: "write"; readonly sequence: Sequence }
  | { readonly kind: "newest" };

interface MomentSource {
  /** The target's objects, or any copy of them. */
  readonly objects: ObjectStore;
  readonly key: DataKey;
  readonly machine: MachineId;
}

/**
 * Finds a state that can be restored. Where a write of the number was made in two generations, the newer one counts.
 * @throws MomentUnreachable naming what is reachable; NotFound for a point; what reading the journal throws
 */
export async function findMoment({ objects, key, machine }: MomentSource, wanted: Wanted): Promise<Moment> {
  if (wanted.kind === "point") return momentOf(await readPoint(objects, machine, wanted.id));
  const grounds = await groundsOf(objects, machine);
  const ground = groundFor(grounds, wanted);
  switch (wanted.kind) {
    case "newest":
      return momentAfter(ground, key, ground.reach.last.sequence);
    case "write":
      return momentAfter(ground, key, wanted.sequence);
    case "instant":
      return momentAfter(ground, key, await momentBehind(ground, key, wanted.time));
  }
}

/** The generation that holds what is wanted. @throws MomentUnreachable */
function groundFor(grounds: readonly Ground[], wanted: Exclude<Wanted, { kind: "point" }>): Ground {
  switch (wanted.kind) {
    case "newest":
      return grounds.at(-1) ?? refuse(grounds, "the newest write", sequenceOf, 0);
    case "write": {
      const at = wanted.sequence;
      return groundOfWrite(grounds, at) ?? refuse(grounds, `write ${at}`, sequenceOf, at);
    }
    case "instant": {
      const at = wanted.time;
      // The oldest that reaches so far: what a clock that was set back wrote a second time does not count.
      const ground = grounds.find(({ reach }) => at <= reach.last.time);
      if (ground && ground.reach.first.time <= at) return ground;
      return refuse(grounds, `instant ${toIso(at)}`, timeOf, at);
    }
  }
}

/** A number that two generations gave means the newer one. */
export const groundOfWrite = (grounds: readonly Ground[], at: Sequence): Ground | undefined =>
  grounds.findLast(({ reach: { first, last } }) => first.sequence <= at && at <= last.sequence);

const sequenceOf = ({ sequence }: Edge): number => sequence;
const timeOf = ({ time }: Edge): number => time;

function refuse(grounds: readonly Ground[], wanted: string, of: (edge: Edge) => number, at: number): never {
  const before = grounds.every(({ reach }) => at < of(reach.first));
  const after = grounds.every(({ reach }) => at > of(reach.last));
  const between = "in a gap between generations, which no journal covers";
  const why = before ? "before everything that is kept" : "after the newest write that has arrived";
  throw unreachable(grounds, wanted, before || after ? why : between);
}

/** The state after a write of the generation that is in its reach. @throws as `findMoment` */
export async function momentAfter(ground: Ground, key: DataKey, at: Sequence): Promise<Moment> {
  const { objects, machine, generation, places } = ground;
  const place = places.findLast(({ sequence }) => sequence === at);
  if (place) return momentOf(await readPointAt(objects, nameOf(place)));
  const position = await positionBehind(ground, at);
  const { before, after } = await statesNext(ground, position, at);
  if (after !== at)
    throw unreachable(
      [ground],
      `write ${at}`,
      `a part of one change, which is recorded as writes ${before + 1} to ${after}: only ${before} and ${after} are states`,
    );
  return {
    machine,
    generation,
    id: idOf(machine, generation, at),
    sequence: at,
    time: await timeOfWrite({ objects, key, machine }, position, at),
    consistency: "crash",
    position,
    disks: (await disksOf(ground)).map(({ index, name, size }) => ({ index, name, size })),
    point: undefined,
  };
}

export interface NextStates {
  readonly before: Sequence;
  readonly after: Sequence;
}

/**
 * The states next to a write's number: both are that number, but within a change that the journal has only as a whole.
 * @throws as `findMoment`
 */
export async function statesAround(ground: Ground, at: Sequence): Promise<NextStates> {
  if (ground.places.some(({ sequence }) => sequence === at)) return { before: at, after: at };
  return statesNext(ground, await positionBehind(ground, at), at);
}

async function statesNext(ground: Ground, to: JournalPosition, at: Sequence): Promise<NextStates> {
  const segment = await segmentOf(ground, to, at).catch((error: unknown) => {
    // A layer ends there, which is at a state.
    if (!hasCode(error, "SegmentMissing")) throw error;
  });
  const { header } = segment ?? {};
  const whole = header?.indivisible !== true || (at === header.to && !header.continues);
  if (!header || whole) return { before: at, after: at };
  const { before, after } = await changeAround(ground, to, header);
  return at === after ? { before: at, after: at } : { before, after };
}

/** From where to where the change goes that the segment is a part of. It ends in what has arrived: `reach` sees to that. */
async function changeAround(
  { objects, machine, reach }: Ground,
  to: JournalPosition,
  of: SegmentHeader,
): Promise<NextStates> {
  const range = { objects, machine, parallel: 1 };
  let before = of.from;
  let after = of.continues ? undefined : of.to;
  for await (const { header } of readBackward({ ...range, from: startOf(to.generation, of.from), to })) {
    if (header.ordinal >= of.ordinal) {
      if (!header.continues) after = header.to;
      continue;
    }
    if (before <= reach.first.sequence || !header.continues) break;
    before = header.from;
  }
  if (after !== undefined) return { before, after };
  for await (const { segment } of readOn({ ...range, from: to })) {
    after = segment.header.to;
    if (!segment.header.continues) break;
  }
  return { before, after: after ?? of.to };
}

/** The segment that holds the write. */
async function segmentOf(
  { machine, objects }: Pick<MomentSource, "machine" | "objects">,
  to: JournalPosition,
  at: Sequence,
): Promise<CheckedSegment | undefined> {
  const range = { objects, machine, from: startOf(to.generation, at), to, parallel: 1 };
  for await (const segment of readBackward(range)) {
    if (segment.header.to < at) break;
    if (segment.header.from < at) return segment;
  }
  return undefined;
}

const idOf = (machine: MachineId, generation: Generation, at: Sequence): BarrierId =>
  barrierId(uuidOf(hash("sha256", `${machine}\n${generation}\n${at}`, "buffer")));

export function momentOf(point: RecoveryPoint): Moment {
  const { machine, generation, id, sequence, time, consistency, position, disks } = point;
  return { machine, generation, id, sequence, time, consistency, position, disks, point };
}

async function positionBehind(ground: Ground, at: Sequence): Promise<JournalPosition> {
  const { objects, machine } = ground;
  const { position: from } = await landmarkBefore(ground, at);
  if (from.sequence >= at) return from;
  for await (const { after } of readOn({ objects, machine, from })) if (after.sequence >= at) return after;
  throw unreachable([ground], `write ${at}`, "not there any more");
}

/** When the write was made. Where its segment is gone, since a layer ends there, the time of the layer's last write. */
async function timeOfWrite(s: MomentSource, position: JournalPosition, at: Sequence): Promise<Micros> {
  const found = await writeOf(s, { position, sequence: at }).catch((error: unknown) => {
    if (!hasCode(error, "SegmentMissing")) throw error;
  });
  return found?.time ?? position.time;
}

/** The last write of a state. @throws what reading the journal throws */
export async function writeOf(
  source: MomentSource,
  { position, sequence: at }: Pick<Moment, "position" | "sequence">,
): Promise<WriteRecord | undefined> {
  const segment = await segmentOf(source, position, at);
  for (const record of segment ? await openSegment(segment, source.key) : [])
    if (record.sequence === at && (record.kind === "data" || record.kind === "zero")) return record;
  return undefined;
}
