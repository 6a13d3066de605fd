import { z } from "zod";
import { armId, sameArmId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf, resourceNotFound } from "../arm-error.ts";
import type { Box } from "../box.ts";
import type { Call, Family, Reply } from "../call.ts";
import type { PlacementResource } from "../model.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";

/** What machines and disks are placed in, or encrypted by: others point to it, and it does nothing by itself. */

const placementBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  sku: z.looseObject({ name: z.string() }).optional(),
  zones: z.array(z.string()).optional(),
  identity: z.looseObject({ type: z.string() }).optional(),
  properties: z.looseObject({}).prefault({}),
});

/** @param made the status of a PUT that makes one, as published */
function familyOf(type: string, since: string, made: 200 | 201 = 201): Family {
  const at = ({ box, path }: Call): PlacementResource => {
    const found = box.state.placements.get(path.id);
    if (!found) throw resourceNotFound(type, path.name, path.group ?? "");
    return found;
  };
  const put = (call: Call): Reply => {
    const { box, path } = call;
    const { properties, tags, ...body } = bodyOf(placementBody, call.body);
    const location = regionOf(box, body.location, type);
    const known = box.state.placements.get(path.id);
    sameRegion(known, location);
    const resource = box.state.placements.put({
      ...body,
      id: known?.id ?? armId(path.id),
      name: known?.name ?? path.name,
      type,
      location,
      tags: tags ?? {},
      properties,
    });
    return { status: known ? 200 : made, body: resource };
  };
  return {
    type,
    since,
    get: (call) => ({ status: 200, body: at(call) }),
    put,
    patch: (call) => patchTags(at(call), call, () => at(call)),
    delete: (call) => {
      const known = call.box.state.placements.get(call.path.id);
      if (!known) return { status: 204 };
      refuseUsed(call.box, known.id);
      call.box.state.placements.delete(known.id);
      return { status: 200 };
    },
    list: ({ box, path }) => ({
      status: 200,
      body: {
        value: box.state.placements
          .under(path.id)
          .filter((one) => one.type.toLowerCase() === type.toLowerCase()),
      },
    }),
    find: (box, id) => box.state.placements.get(id),
  };
}

function refuseUsed({ state }: Box, id: string): void {
  const user = state.virtualMachines
    .all()
    .find(({ properties }) => Object.values(pointersOf(properties)).some((to) => to && sameArmId(to, id)));
  if (user)
    throw new ArmError(409, "OperationNotAllowed", `${id} cannot be deleted: ${user.id} is placed in it.`);
}

const RESERVATIONS = "Microsoft.Compute/capacityReservationGroups";

export const placementFamilies: readonly Family[] = [
  familyOf("Microsoft.Compute/proximityPlacementGroups", "2024-07-01"),
  familyOf(RESERVATIONS, "2024-07-01"),
  familyOf(`${RESERVATIONS}/capacityReservations`, "2024-07-01"),
  familyOf("Microsoft.Compute/virtualMachineScaleSets", "2024-07-01"),
  familyOf("Microsoft.Compute/diskEncryptionSets", "2024-03-02", 200),
];

const idIn = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "id" in value && typeof value.id === "string"
    ? value.id
    : undefined;

function pointersOf(properties: Readonly<Record<string, unknown>>) {
  const { capacityReservation: reserved } = properties;
  return {
    proximity: idIn(properties["proximityPlacementGroup"]),
    scaleSet: idIn(properties["virtualMachineScaleSet"]),
    reservations:
      typeof reserved === "object" && reserved !== null && "capacityReservationGroup" in reserved
        ? idIn(reserved.capacityReservationGroup)
        : undefined,
  };
}

/** One that is there and in the region. @throws ArmError */
export function placementAt({ state }: Box, id: string, location: string): PlacementResource {
  const found = state.placements.get(id);
  if (!found) throw new ArmError(404, "NotFound", `The resource ${id} is not found.`);
  if (found.location !== location)
    throw bad(`The resource ${id} is in region ${found.location}, and what refers to it in ${location}.`);
  return found;
}

interface Placed {
  readonly location: string;
  readonly zone: string | undefined;
  readonly size: string;
  readonly ultra: boolean;
}

/** Whether a machine may be where it wants to be, by Azure's published rules. @throws ArmError 400 or 404 */
export function checkPlacement(
  box: Box,
  properties: Readonly<Record<string, unknown>>,
  { location, zone, size, ultra }: Placed,
): void {
  const { proximity, scaleSet, reservations } = pointersOf(properties);
  const set = idIn(properties["availabilitySet"]);
  for (const id of [proximity, scaleSet, reservations]) {
    if (!id) continue;
    const { zones = [] } = placementAt(box, id, location);
    if (zones.length > 0 && (zone === undefined || !zones.includes(zone)))
      throw bad(`${id} is for zones ${zones.join(", ")}, and the VM for ${zone ?? "none"}.`);
  }
  if (set && proximity) checkSet(box, set, proximity);
  if (scaleSet && set) throw bad("A VM cannot have both 'availabilitySet' and 'virtualMachineScaleSet'.");
  const mode = scaleSet && box.state.placements.get(scaleSet)?.properties["orchestrationMode"];
  if (scaleSet && mode !== "Flexible") throw bad(`${scaleSet} has not the orchestration mode Flexible.`);
  if (!reservations) return;
  if (set || proximity || ultra)
    throw bad(
      "Capacity reservations are not supported with availability sets, proximity placement groups or ultra disks.",
    );
  const fits = box.state.placements
    .under(reservations)
    .some(
      ({ sku, zones = [] }) =>
        sku?.name.toLowerCase() === size.toLowerCase() &&
        (zone === undefined ? zones.length === 0 : zones.includes(zone)),
    );
  if (!fits) throw bad(`${reservations} has no reservation for size ${size} in zone ${zone ?? "none"}.`);
}

function checkSet({ state }: Box, set: string, proximity: string): void {
  const has = idIn(state.availabilitySets.get(set)?.properties["proximityPlacementGroup"]);
  if (has === undefined || !sameArmId(has, proximity))
    throw bad(
      `${set} is in proximity placement group ${has ?? "none"}, and the VM is to be in ${proximity}.`,
    );
}

const bad = (message: string): ArmError => new ArmError(400, "BadRequest", message);
