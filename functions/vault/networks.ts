import { LeewardError } from "../../engine/core/errors.ts";
import type { ArmId } from "../../engine/core/ids.ts";
import { type Call, route } from "../http.ts";
import { PATHS, fabricIn as fabricIdIn, vaultIn } from "../paths.ts";
import { type Fabric, fabricIn, inventoryOf } from "./inventory.ts";
import { pageOf } from "./paging.ts";

/*
 * Azure Site Recovery has one network of all of Azure in each fabric, below which mappings are.
 */

const NAME = "azureNetwork";
const ofFabric = `${PATHS.fabric}/replicationNetworks`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

route("listNetworks", { ...read, path: `${PATHS.vault}/replicationNetworks` }, async (call) =>
  list(call, (await inventoryOf(call.services, vaultIn(call.request))).fabrics),
);

route("listNetworksOfFabric", { ...read, path: ofFabric }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  return list(call, [fabricIn(inventory, fabricIdIn(call.request))]);
});

route("getNetwork", { ...read, path: `${ofFabric}/{network}` }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  const { id } = fabricIn(inventory, fabricIdIn(call.request));
  if (call.param("network").toLowerCase() !== NAME.toLowerCase())
    throw new LeewardError("NotFound", `there is no network but ${NAME} in ${id}`);
  return { jsonBody: view(id) };
});

const list = (call: Call, fabrics: readonly Fabric[]) =>
  pageOf(
    call,
    fabrics,
    ({ id }) => id,
    ({ id }) => view(id),
  );

const view = (fabric: ArmId) => ({
  id: `${fabric}/replicationNetworks/${NAME}`,
  name: NAME,
  type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationNetworks",
  properties: { fabricType: "Azure", subnets: [], friendlyName: NAME, networkType: "Azure" },
});
