import type { MachineId } from "../../engine/core/ids.ts";
import { type Unreadable, withUnreadable } from "../../engine/recovery/healing-record.ts";
import { type UnreadablePoint, isUnreadable, surveyPoints } from "../../engine/replication/points.ts";
import { nameOf } from "../../engine/replication/reach.ts";
import { OverlayObjectStore } from "../../engine/storage/overlay.ts";
import type { ObjectStore } from "../../engine/storage/store.ts";
import type { PointPlace } from "../../engine/journal/names.ts";
import type { Services } from "../services.ts";
import { type HealServices, healing } from "./healing.ts";

/** What work sees where some manifests can neither be read nor made again. */
export interface Seen {
  /** Without these manifests; what is written to it is kept nowhere. */
  readonly objects: ObjectStore;
  readonly isReadable: (place: PointPlace) => boolean;
}

/**
 * As `healing`; where a manifest can neither be read nor made again, does the work once more as if its point was none. For work
 * that may do with another point: which were passed over is noted, and the item's health says so.
 * @throws what the work throws then
 */
export async function passingOver<Result>(
  services: HealServices,
  machine: MachineId,
  work: (seen: Seen) => Promise<Result>,
): Promise<Result> {
  const all: Seen = { objects: services.target, isReadable: () => true };
  try {
    return await healing(services, machine, () => work(all));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const { unreadable } = await surveyPoints(services.target, machine);
    if (unreadable.length === 0) throw error;
    await noteUnreadable(services, machine, unreadable);
    const names = new Set(unreadable.map(({ place }) => nameOf(place)));
    const objects = new OverlayObjectStore(services.target);
    await objects.delete([...names]);
    return work({ objects, isReadable: (place) => !names.has(nameOf(place)) });
  }
}

/** Of all points of the machine, those that cannot be read. Writes nothing where that is known. */
export async function noteUnreadable(
  { records, clock }: Pick<Services, "records" | "clock">,
  machine: MachineId,
  unreadable: readonly UnreadablePoint[],
): Promise<void> {
  const old = (await records.healing.get(machine))?.value;
  if (unreadable.length === 0 && (old?.unreadable.length ?? 0) === 0) return;
  const now = clock.now();
  await records.healing.upsert(machine, (known) => withUnreadable(known, machine, unreadable, now));
}

/** Those that are known not to be readable. One read of a record. */
export async function knownUnreadable(
  { records }: Pick<Services, "records">,
  machine: MachineId,
): Promise<readonly Unreadable[]> {
  return (await records.healing.get(machine))?.value.unreadable ?? [];
}
