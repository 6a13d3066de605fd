import { ArmError } from "./arm-error.ts";
import type { Box } from "./box.ts";

/** ARM's short form of a region that may be given by its display name. @throws ArmError 400 for an unknown one. */
export function regionOf(box: Box, location: string, type: string): string {
  const region = location.toLowerCase().replaceAll(" ", "");
  if (box.config.regions.some(({ name }) => name === region)) return region;
  const known = box.config.regions.map(({ name }) => name).join(",");
  throw new ArmError(
    400,
    "LocationNotAvailableForResourceType",
    `The provided location '${location}' is not available for resource type '${type}'. List of available regions for the resource type is '${known}'.`,
  );
}

/** A resource never moves. @throws ArmError 409. */
export function sameRegion(known: { location: string; name: string } | undefined, region: string): void {
  if (known && known.location !== region)
    throw new ArmError(
      409,
      "InvalidResourceLocation",
      `The resource '${known.name}' already exists in location '${known.location}' in resource group. A resource with the same name cannot be created in location '${region}'. Please select a new resource name.`,
    );
}
