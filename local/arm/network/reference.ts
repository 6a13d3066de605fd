import { sameArmId } from "../../../engine/core/ids.ts";
import { invalidReference } from "../arm-error.ts";
import type { Box } from "../box.ts";

type Pointer = "networkSecurityGroup" | "routeTable" | "natGateway";

/** The id that the property points to. */
export function pointed(properties: Readonly<Record<string, unknown>>, pointer: Pointer): string | undefined {
  const value = properties[pointer];
  return typeof value === "object" && value !== null && "id" in value ? String(value.id) : undefined;
}

/** A subnet whose property points to the resource. */
export const subnetPointingTo = ({ state }: Box, pointer: Pointer, id: string): string | undefined =>
  state.virtualNetworks
    .all()
    .flatMap(({ properties }) => properties.subnets)
    .find(({ properties }) => {
      const to = pointed(properties, pointer);
      return to !== undefined && sameArmId(to, id);
    })?.id;

/** @throws ArmError 400 when it points to what is not there, or is in another region. */
export function checkPointers(
  { state }: Box,
  from: string,
  location: string,
  properties: Readonly<Record<string, unknown>>,
): void {
  const tables = {
    networkSecurityGroup: state.securityGroups,
    routeTable: state.routeTables,
    natGateway: state.natGateways,
  };
  for (const pointer of ["networkSecurityGroup", "routeTable", "natGateway"] as const) {
    const to = pointed(properties, pointer);
    if (to !== undefined && tables[pointer].get(to)?.location !== location) throw invalidReference(to, from);
  }
}
