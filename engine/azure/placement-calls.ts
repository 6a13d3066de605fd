import type { DeclaredCall } from "./calls.ts";

const COMPUTE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute";
const target = ["target"] as const;

/** Looks at what a caller named for the copy to be placed in, or encrypted by. */
export const PLACEMENT_CALLS: readonly DeclaredCall[] = [
  {
    call: `GET ${COMPUTE}/proximityPlacementGroups/{proximity}`,
    roles: target,
    why: "eligibility: whether the proximity group that was named for the copy is in its region and zone",
  },
  {
    call: `GET ${COMPUTE}/capacityReservationGroups/{reservations}`,
    roles: target,
    why: "eligibility: whether the reservations that were named for the copy are in its region and zone",
  },
  {
    call: `GET ${COMPUTE}/capacityReservationGroups/{reservations}/capacityReservations`,
    roles: target,
    why: "eligibility: whether one of them is for the copy's size",
  },
  {
    call: `GET ${COMPUTE}/virtualMachineScaleSets/{scale}`,
    roles: target,
    why: "eligibility: whether the scale set that was named for the copy takes machines of its region and zone",
  },
  {
    call: `GET ${COMPUTE}/diskEncryptionSets/{encryption}`,
    roles: target,
    why: "eligibility: whether the encryption set that was named for a disk is in the copy's region",
  },
];
