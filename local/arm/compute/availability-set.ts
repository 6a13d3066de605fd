import { z } from "zod";
import { armId } from "../../../engine/core/ids.ts";
import { ArmError, bodyOf } from "../arm-error.ts";
import type { Call, Family, Reply } from "../call.ts";
import { existing } from "../resources/existing.ts";
import type { AvailabilitySet } from "../model.ts";
import { regionOf, sameRegion } from "../region.ts";
import { patchTags } from "../resources/tags.ts";
import { placementAt } from "./placement.ts";
import { requireSet } from "./usage.ts";

const TYPE = "Microsoft.Compute/availabilitySets";

const setBody = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()).nullish(),
  sku: z.looseObject({ name: z.enum(["Aligned", "Classic"]) }).default({ name: "Classic" }),
  properties: z
    .looseObject({
      platformFaultDomainCount: z.number().int().min(1).max(3).default(2),
      platformUpdateDomainCount: z.number().int().min(1).max(20).default(5),
      proximityPlacementGroup: z.looseObject({ id: z.string() }).optional(),
    })
    .prefault({}),
});

function put(call: Call): Reply {
  const { box, path } = call;
  const body = bodyOf(setBody, call.body);
  const location = regionOf(box, body.location, TYPE);
  const known = box.state.availabilitySets.get(path.id);
  sameRegion(known, location);
  if (!known) requireSet(box, location);
  const { proximityPlacementGroup: proximity } = body.properties;
  if (proximity) placementAt(box, proximity.id, location);
  for (const fixed of ["platformFaultDomainCount", "platformUpdateDomainCount"] as const)
    if (known && known.properties[fixed] !== body.properties[fixed])
      throw new ArmError(409, "PropertyChangeNotAllowed", `Changing property '${fixed}' is not allowed.`);
  const set = box.state.availabilitySets.put({
    id: known?.id ?? armId(path.id),
    name: known?.name ?? path.name,
    type: TYPE,
    location,
    tags: body.tags ?? {},
    sku: body.sku,
    properties: { ...body.properties, virtualMachines: known?.properties.virtualMachines ?? [] },
  });
  return { status: 200, body: set };
}

const at = (call: Call): AvailabilitySet => existing(call.box.state.availabilitySets, TYPE, call);

function remove({ box, path }: Call): Reply {
  const set = box.state.availabilitySets.get(path.id);
  if (!set) return { status: 204 };
  if (set.properties.virtualMachines.length > 0)
    throw new ArmError(
      409,
      "OperationNotAllowed",
      `Availability Set '${set.name}' cannot be deleted. Before deleting an Availability Set please ensure that it does not contain any VM.`,
    );
  box.state.availabilitySets.delete(set.id);
  return { status: 200 };
}

export const availabilitySets: Family = {
  type: TYPE,
  since: "2024-07-01",
  get: (call) => ({ status: 200, body: at(call) }),
  put,
  patch: (call) => patchTags(at(call), call, () => at(call)),
  delete: remove,
  list: ({ box, path }) => ({ status: 200, body: { value: box.state.availabilitySets.under(path.id) } }),
  find: (box, id) => box.state.availabilitySets.get(id),
};
