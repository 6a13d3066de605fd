import type { Placement, Reservation } from "../azure/placement.ts";
import { type ArmId, sameArmId } from "../core/ids.ts";
import type { Found } from "../recovery/findings.ts";
import type { Survey } from "./survey.ts";

/** Something that a caller named for the copy, and what it was found to be; undefined when it is not there. */
export interface SurveyedPlacement {
  readonly kind: "proximity" | "reservations" | "scaleSet" | "diagnostics" | "encryption";
  /** As the request calls it. */
  readonly field: string;
  readonly id: ArmId;
  readonly found: Placement | undefined;
  /** Of a group of reservations; undefined where they could not be read. */
  readonly reservations?: readonly Reservation[] | undefined;
}

/** What of a machine and its copy decides where it may be. */
export interface PlacementFacts {
  readonly region: string;
  readonly zone: string | undefined;
  readonly size: string;
  readonly ultra: boolean;
  readonly placements: readonly SurveyedPlacement[];
}

export function judgePlacement({ machine: { properties }, disks, target }: Survey): Found[] {
  const ultra =
    properties.additionalCapabilities?.ultraSSDEnabled === true ||
    disks.some(({ disk }) => disk.sku?.name.startsWith("Ultra"));
  return judgePlaces({ ...target, size: properties.hardwareProfile.vmSize, ultra });
}

/** Whether Azure would take the copy where the caller wants it, by its published rules. */
export function judgePlaces(facts: PlacementFacts): Found[] {
  return facts.placements.flatMap((one) => {
    const { field, id, found } = one;
    const { region } = facts;
    if (!found) return [{ code: "PlacementMissing" as const, message: `there is no ${id} (${field})` }];
    if (found.location.toLowerCase() !== region.toLowerCase())
      return [
        {
          code: "PlacementElsewhere" as const,
          message: `${id} is in ${found.location}, not in ${region} (${field})`,
        },
      ];
    return RULES[one.kind](facts, one, found).map(({ code, message }) => ({
      code,
      message: `${message} (${field})`,
    }));
  });
}

type Rule = (facts: PlacementFacts, one: SurveyedPlacement, found: Placement) => Found[];

const RULES: Readonly<Record<SurveyedPlacement["kind"], Rule>> = {
  proximity: ofZone,
  encryption: () => [],
  diagnostics: (_, { id }, { sku }) => {
    const name = sku?.name ?? "";
    return /^Premium|ZRS$/i.test(name)
      ? [{ code: "DiagnosticsAccountUnfit", message: `${id} is a ${name} account` }]
      : [];
  },
  scaleSet: (facts, one, found) => {
    const { orchestrationMode, proximityPlacementGroup: group } = found.properties;
    if (orchestrationMode !== "Flexible")
      return [{ code: "ScaleSetUniform", message: `${one.id} is ${orchestrationMode ?? "Uniform"}` }];
    const wanted = facts.placements.find(({ kind }) => kind === "proximity")?.id;
    const other = group && wanted && !sameArmId(group.id, wanted);
    return [
      ...ofZone(facts, one, found),
      ...(other ? [excluded(`${one.id} is in the proximity group ${group.id}, not in ${wanted}`)] : []),
    ];
  },
  reservations: (facts, one, found) => [
    ...ofZone(facts, one, found),
    ...ofReservations(facts, one),
    ...ofCompany(facts, one),
  ],
};

const excluded = (message: string): Found => ({ code: "PlacementExcluded", message });

/** What is pinned to zones takes machines that are pinned to one of them, and reservations without zones take no others. */
function ofZone({ zone }: PlacementFacts, { kind, id }: SurveyedPlacement, { zones }: Placement): Found[] {
  const wrong = (message: string): Found[] => [{ code: "PlacementZone", message }];
  if (zones.length > 0 && (zone === undefined || !zones.includes(zone)))
    return wrong(`${id} is for zone ${zones.join(", ")}, the copy ${inWords(zone)}`);
  if (kind === "reservations" && zones.length === 0 && zone !== undefined)
    return wrong(`${id} is for no zone, the copy ${inWords(zone)}`);
  return [];
}

const inWords = (zone: string | undefined): string =>
  zone === undefined ? "is to be in none" : `is to be in zone ${zone}`;

function ofReservations({ size, zone }: PlacementFacts, { id, reservations }: SurveyedPlacement): Found[] {
  const fits =
    !reservations ||
    reservations.some(
      ({ sku, zones }) =>
        sku.name.toLowerCase() === size.toLowerCase() && (zone === undefined || zones.includes(zone)),
    );
  const where = zone === undefined ? "" : ` in zone ${zone}`;
  return fits ? [] : [{ code: "ReservationMissing", message: `${id} reserves no ${size}${where}` }];
}

/** Azure's list of what cannot be had together with reserved capacity; what the request alone tells is refused before. */
function ofCompany({ ultra, placements }: PlacementFacts, { id }: SurveyedPlacement): Found[] {
  const set = placements.find(({ kind }) => kind === "scaleSet");
  return [
    ...(ultra ? [excluded(`${id} takes no machine with ultra disks`)] : []),
    ...(set?.found?.properties.singlePlacementGroup === true
      ? [excluded(`${id} takes no machine of ${set.id}, which is a single placement group`)]
      : []),
  ];
}
