import type { BarrierId } from "../../engine/core/ids.ts";
import type { Micros } from "../../engine/core/units.ts";
import type { RetentionPolicy } from "../../engine/recovery/retention-policy.ts";
import { Violation } from "./truth.ts";

/** Of a machine, or of a group, which has one generation and whose points are in the order of their instants. */
export interface KeptPoint {
  readonly id: BarrierId;
  readonly generation: number;
  readonly sequence: number;
  readonly time: Micros;
}

/** Who deletes, and when that began: what was known before then it must have known. */
interface Deletion {
  readonly names: readonly string[];
  readonly begun: Micros;
  readonly now: Micros;
}

/**
 * What the policy promises of the points of a machine or of a group, said as its user would: nothing of it comes from the
 * product's own decision, which counts intervals. Here only ages and distances count.
 */
export class Kept {
  readonly #points = new Map<string, KeptPoint>();
  /** Since when they are known to be verified. */
  readonly #verified = new Map<BarrierId, Micros>();

  made(name: string, point: KeptPoint): void {
    this.#points.set(name, point);
  }

  verified(ids: readonly BarrierId[], now: Micros): void {
    for (const id of ids) if (!this.#verified.has(id)) this.#verified.set(id, now);
  }

  /** Manifests go. @throws Violation */
  dropped({ names, begun, now }: Deletion, policy: RetentionPolicy): void {
    const before = [...this.#points.values()].toSorted(inOrder);
    const gone = names.flatMap((name) => this.#points.get(name) ?? []);
    for (const name of names) this.#points.delete(name);
    const left = [...this.#points.values()];
    const newest = before.at(-1);
    const verified = before.findLast(({ id }) => this.#verified.has(id));
    for (const point of gone) {
      if (point === newest) throw new Violation(`7: ${point.id}, the newest point, was dropped`);
      if (point === verified && (this.#verified.get(point.id) ?? begun) < begun)
        throw new Violation(`7: ${point.id}, the newest verified point, was dropped`);
      const fault = newest && faultOf(point, left, policy, Math.min(now, newest.time));
      if (fault) throw new Violation(`7: point ${point.id} was dropped ${fault}`);
    }
  }
}

const inOrder = (a: KeptPoint, b: KeptPoint): number =>
  a.generation - b.generation || a.sequence - b.sequence || (a.id < b.id ? -1 : 1);

/** Undefined when it may go. */
function faultOf(
  { time }: KeptPoint,
  left: readonly KeptPoint[],
  { window, ladder }: RetentionPolicy,
  now: number,
): string | undefined {
  const age = (now - time) / 1000;
  const every = (ladder.find(({ until }) => age < until) ?? ladder.at(-1))?.every ?? 0;
  // What stands for its interval may be older than the window itself.
  if (age > window - every) return undefined;
  if (every === 0) return `though all of its age stay (${age} ms)`;
  const near = left.some((other) => Math.abs(other.time - time) < every * 1000);
  return near ? undefined : `and none is left within ${every} ms of it`;
}
