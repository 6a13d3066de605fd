import { getStorageAccount } from "../engine/azure/storage-account.ts";
import { LeewardError } from "../engine/core/errors.ts";
import type { ArmId } from "../engine/core/ids.ts";
import { judgePlaces } from "../engine/eligibility/judge-placement.ts";
import { sizeOf } from "../engine/recovery/build-choice.ts";
import { isError } from "../engine/recovery/findings.ts";
import { type ItemRecord, sourceOf, targetOf } from "../engine/recovery/item.ts";
import type { TargetChange } from "../engine/recovery/retarget.ts";
import type { Services } from "./services.ts";
import { type NamedPlacement, readPlacements } from "./survey-placement.ts";

/** What the item's copy is placed in, or leans on, as it is now and not as it was asked for at enablement. */
export const placementNow = ({ request, target }: Pick<ItemRecord, "request" | "target">): NamedPlacement => {
  const { proximityPlacementGroup, capacityReservationGroup, scaleSet, bootDiagnosticsAccount } =
    target ?? {};
  return {
    proximityPlacementGroup: proximityPlacementGroup ?? request.proximityPlacementGroup,
    capacityReservationGroup: capacityReservationGroup ?? request.capacityReservationGroup,
    scaleSet: scaleSet ?? request.scaleSet,
    bootDiagnosticsAccount: bootDiagnosticsAccount ?? request.bootDiagnosticsAccount,
  };
};

/** @throws InvalidRequest naming what is not there, is elsewhere, or would not take the copy */
export async function checkPlaces(
  { arm }: Pick<Services, "arm">,
  item: ItemRecord,
  { size, ...wish }: Pick<TargetChange, "size"> & Omit<NamedPlacement, "diskKinds">,
): Promise<void> {
  if (Object.values(wish).every((id) => id === undefined)) return;
  const { region, zone } = targetOf(item);
  const source = sourceOf(item);
  const named = Object.entries(wish).filter(([, id]) => id !== undefined);
  const placements = await readPlacements({ arm }, async (_, work) => work, {
    ...placementNow(item),
    ...Object.fromEntries(named),
  });
  const ultra = source.ultraDisks === true || source.disks.some(({ sku }) => sku.startsWith("Ultra"));
  const found = judgePlaces({ region, zone, size: size ?? sizeOf(item), ultra, placements });
  const wrong = found.filter(isError).map(({ message }) => message);
  if (wrong.length > 0)
    throw new LeewardError("InvalidRequest", `properties.providerSpecificDetails: ${wrong.join("; ")}`);
}

/** What a target keeps of its account: Azure is to be told an address. @throws NotFound */
export async function bootDiagnosticsIn(
  { arm }: Pick<Services, "arm">,
  id: ArmId,
): Promise<NonNullable<TargetChange["bootDiagnostics"]>> {
  const { primaryEndpoints } = (await getStorageAccount(arm, id)).properties;
  return { bootDiagnosticsAccount: id, bootDiagnosticsUri: primaryEndpoints.blob };
}
