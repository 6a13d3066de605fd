import type { Box } from "../box.ts";
import type { Call, Reply } from "../call.ts";
import { type Usage, limitsOf, usageBody } from "../limit.ts";
import { ArmError } from "../arm-error.ts";

type Counted =
  | "VirtualNetworks"
  | "NetworkInterfaces"
  | "NetworkSecurityGroups"
  | "PublicIPAddresses"
  | "StaticPublicIPAddresses"
  | "RouteTables";

/** Published defaults. */
const LIMITS: Readonly<Record<Counted, number>> = {
  VirtualNetworks: 1000,
  StaticPublicIPAddresses: 1000,
  NetworkSecurityGroups: 5000,
  PublicIPAddresses: 1000,
  NetworkInterfaces: 65_536,
  RouteTables: 200,
};

/** `GET …/providers/Microsoft.Network/locations/region/usages`. */
export function networkUsages({ box, path }: Call): Reply {
  const region = path.name.toLowerCase();
  const { value } = usageBody(box, region, usagesIn(box, region));
  const base = `/subscriptions/${path.subscription}/providers/Microsoft.Network/locations/${region}/usages`;
  return {
    status: 200,
    body: { value: value.map((usage) => ({ id: `${base}/${usage.name.value}`, ...usage })) },
  };
}

function usagesIn({ state }: Box, region: string): Usage[] {
  const here = (items: readonly { location: string }[]) =>
    items.filter(({ location }) => location === region).length;
  const addresses = state.publicAddresses.all();
  const current: Record<Counted, number> = {
    VirtualNetworks: here(state.virtualNetworks.all()),
    StaticPublicIPAddresses: here(
      addresses.filter(({ properties }) => properties.publicIPAllocationMethod === "Static"),
    ),
    NetworkSecurityGroups: here(state.securityGroups.all()),
    PublicIPAddresses: here(addresses),
    NetworkInterfaces: here(state.networkInterfaces.all()),
    RouteTables: here(state.routeTables.all()),
  };
  return Object.entries(current).map(([name, count]) => ({
    name,
    title: name.replace(/(?<=[a-z])(?=[A-Z])/g, " "),
    current: count,
    limit: limitOf(name),
  }));
}

const limitOf = (name: string): number => Object.entries(LIMITS).find(([known]) => known === name)?.[1] ?? 0;

/** The network refuses in words of its own. @throws ArmError 400 when one more would be too many. */
export function requireRoom(box: Box, region: string, name: Counted): void {
  const usage = usagesIn(box, region).find((known) => known.name === name);
  const limit = limitsOf(box, region).quotas[name] ?? LIMITS[name];
  if ((usage?.current ?? 0) < limit) return;
  throw new ArmError(
    400,
    `${name.replace(/(?<=ss)es$|s$/, "")}CountLimitReached`,
    `Cannot create more than ${limit} ${usage?.title.toLowerCase() ?? name} for this subscription in this region.`,
  );
}
