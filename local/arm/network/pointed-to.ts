import { plainFamily } from "./plain.ts";
import { subnetPointingTo } from "./reference.ts";

/** What subnets point to beside their security group; application security groups stand in rules only. */

export const routeTable = plainFamily({
  type: "Microsoft.Network/routeTables",
  kind: "route-table",
  table: (state) => state.routeTables,
  inUse: "InUseRouteTableCannotBeDeleted",
  user: (box, id) => subnetPointingTo(box, "routeTable", id),
});

export const natGateway = plainFamily({
  type: "Microsoft.Network/natGateways",
  kind: "nat-gateway",
  table: (state) => state.natGateways,
  inUse: "InUseNatGatewayCannotBeDeleted",
  user: (box, id) => subnetPointingTo(box, "natGateway", id),
});

export const applicationSecurityGroup = plainFamily({
  type: "Microsoft.Network/applicationSecurityGroups",
  kind: "application-security-group",
  table: (state) => state.applicationSecurityGroups,
  inUse: "InUseApplicationSecurityGroupCannotBeDeleted",
  user: () => undefined,
});
