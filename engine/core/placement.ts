/** Where a machine may be placed, by ASR's names for it. */
export const PLACES = {
  zone: "recoveryAvailabilityZone",
  availabilitySet: "recoveryAvailabilitySetId",
  proximityPlacementGroup: "recoveryProximityPlacementGroupId",
  capacityReservationGroup: "recoveryCapacityReservationGroupId",
  scaleSet: "recoveryVirtualMachineScaleSetId",
} as const;
type Place = keyof typeof PLACES;

const EXCLUDED: readonly (readonly [Place, Place, string])[] = [
  ["zone", "availabilitySet", "a machine is in a zone or in an availability set, never in both"],
  ["scaleSet", "availabilitySet", "a machine is in a scale set or in an availability set, never in both"],
  [
    "capacityReservationGroup",
    "availabilitySet",
    "Azure has no reserved capacity for machines in availability sets",
  ],
  [
    "capacityReservationGroup",
    "proximityPlacementGroup",
    "Azure has no reserved capacity in proximity placement groups",
  ],
];

/** Two places that Azure does not take together, and why; the first one is to be given up. Empty where all go together. */
export const excludedAmong = (has: (place: Place) => boolean): (readonly [Place, Place, string])[] =>
  EXCLUDED.filter(([one, other]) => has(one) && has(other));
