import { findPlacement, listReservations } from "../engine/azure/placement.ts";
import type { ArmId } from "../engine/core/ids.ts";
import type { SurveyedPlacement } from "../engine/eligibility/judge-placement.ts";
import type { ProtectionRequest } from "../engine/recovery/protection-request.ts";
import type { Services } from "./services.ts";

/** Of a request, what the copy is placed in, or leans on, because the caller named it. */
export type NamedPlacement = Partial<
  Pick<
    ProtectionRequest,
    | "proximityPlacementGroup"
    | "capacityReservationGroup"
    | "scaleSet"
    | "bootDiagnosticsAccount"
    | "diskKinds"
  >
>;

/** What is there of it. @param reading has what the app may not read noted, and answers nothing then */
export async function readPlacements(
  { arm }: Pick<Services, "arm">,
  reading: <Value>(what: string, work: Promise<Value>) => Promise<Value | undefined>,
  request: NamedPlacement = {},
): Promise<SurveyedPlacement[]> {
  const sets = new Map(
    (request.diskKinds ?? []).flatMap(({ encryptionSet: id }) => (id ? [[id.toLowerCase(), id]] : [])),
  );
  const named: readonly (readonly [SurveyedPlacement["kind"], string, ArmId | undefined])[] = [
    ["proximity", "recoveryProximityPlacementGroupId", request.proximityPlacementGroup],
    ["reservations", "recoveryCapacityReservationGroupId", request.capacityReservationGroup],
    ["scaleSet", "recoveryVirtualMachineScaleSetId", request.scaleSet],
    ["diagnostics", "recoveryBootDiagStorageAccountId", request.bootDiagnosticsAccount],
    ...[...sets.values()].map((id) => ["encryption", "recoveryDiskEncryptionSetId", id] as const),
  ];
  const found = await Promise.all(
    named.map(async ([kind, field, id]): Promise<SurveyedPlacement[]> => {
      if (!id) return [];
      const read = await reading(
        `what is named by ${field}`,
        findPlacement(arm, id).then((there) => ({ there })),
      );
      if (!read) return [];
      const reservations =
        kind === "reservations" && read.there
          ? await reading(`the reservations of ${id}`, listReservations(arm, id))
          : undefined;
      return [{ kind, field, id, found: read.there, reservations }];
    }),
  );
  return found.flat();
}
