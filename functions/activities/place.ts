import type { BarrierId } from "../../engine/core/ids.ts";
import type { RecoveryPoint } from "../../engine/journal/manifest.ts";
import { disksIn } from "../../engine/recovery/disk-size.ts";
import type { ItemRecord } from "../../engine/recovery/item.ts";
import type { Moment } from "../../engine/replication/moment.ts";
import { readPoint } from "../../engine/replication/points.ts";
import type { Services } from "../services.ts";

/** What a failover builds: a recovery point, or the disks as they were after any write. */
export type Place = Omit<Moment, "point">;

/**
 * The recovery point of this id, or what the item's failover or test chose between points under this id.
 * @throws NotFound, ManifestDamaged
 */
export async function placeOf(
  { target }: Pick<Services, "target">,
  item: ItemRecord,
  id: BarrierId,
): Promise<Place | RecoveryPoint> {
  const { machine } = item;
  const moment = momentOf(item, id);
  if (!moment) return readPoint(target, machine, id);
  const disks = disksIn(item, moment.generation).map(({ index, name, size }) => ({ index, name, size }));
  return { machine, id, ...moment, disks };
}

function momentOf(
  { failover, test }: ItemRecord,
  id: BarrierId,
): Omit<Place, "machine" | "id" | "disks"> | undefined {
  if (failover?.point === id && failover.moment) {
    const { moment, pointTime: time, consistency } = failover;
    return { time, consistency, ...moment };
  }
  const { chosen } = test ?? {};
  if (chosen?.point !== id || !chosen.position) return undefined;
  const { generation, sequence, position, pointTime: time, consistency } = chosen;
  return { time, consistency, generation, sequence, position };
}
