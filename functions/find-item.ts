import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../engine/core/ids.ts";
import { type ItemRecord, itemKey, itemKeyOf, lastSegment } from "../engine/recovery/item.ts";
import { isGivenAway } from "../engine/recovery/reversal.ts";
import type { ETag } from "../engine/storage/store.ts";
import type { Services } from "./services.ts";

interface Version {
  readonly value: ItemRecord;
  readonly etag: ETag;
}

type Records = Pick<Services, "records">;

/** @throws NotFound; of an item that was given to the other region's app it names the id that it has there */
export const findItem = async (services: Records, id: ArmId): Promise<ItemRecord> =>
  (await findVersion(services, id)).value;

/** With its ETag. @throws as `findItem` */
export async function findVersion(services: Records, id: ArmId): Promise<Version> {
  const found = await lookUp(services, id);
  if (!found) throw new LeewardError("NotFound", `there is no ${id}`);
  const { reversal } = found.value;
  if (!isGivenAway(found.value)) return found;
  throw new LeewardError(
    "NotFound",
    `${lastSegment(id)} is protected from ${reversal?.to ?? "the other region"} now, as ${reversal?.id ?? id}`,
  );
}

/** Whoever has its machine now; undefined when there is none of this id. */
export async function lookUp({ records }: Records, id: ArmId): Promise<Version | undefined> {
  const own = await records.items.get(itemKey(id));
  if (own && sameArmId(own.value.id, id)) return own;
  const alias = (await records.aliases.get(itemKey(id)))?.value;
  if (!alias || !sameArmId(alias.id, id)) return undefined;
  const found = await records.items.get(itemKeyOf(alias.machine));
  return found?.value.machine === alias.machine && sameArmId(found.value.id, id) ? found : undefined;
}
