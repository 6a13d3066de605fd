/** Azure's own services keep these to themselves; no machine is in them. */
const RESERVED = new Set([
  "gatewaysubnet",
  "azurebastionsubnet",
  "azurefirewallsubnet",
  "azurefirewallmanagementsubnet",
  "routeserversubnet",
]);

export const isReserved = (subnet: string): boolean => RESERVED.has(subnet.toLowerCase());
