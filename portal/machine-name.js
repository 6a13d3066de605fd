export const nameOfMachine = (item) => item.properties.friendlyName ?? item.name;

/** Where it comes up: a machine that was turned around does not come up where the others do. */
export const regionOf = ({ properties }, { config }) =>
  properties.providerSpecificDetails?.recoveryFabricLocation ?? config.region;

/** Where it is protected from. */
export const sourceRegionOf = ({ properties }) =>
  properties.providerSpecificDetails?.primaryFabricLocation ?? "its own region";
