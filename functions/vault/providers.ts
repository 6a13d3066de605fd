import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId } from "../../engine/core/ids.ts";
import { lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { AGENT_VERSION } from "../../engine/contract/agent-version.ts";
import { type Call, route } from "../http.ts";
import { PATHS, fabricIn as fabricIdIn, vaultIn } from "../paths.ts";
import { fabricName } from "./fabrics.ts";
import { type Fabric, type Inventory, fabricIn, inventoryOf, isIn } from "./inventory.ts";
import { pageOf } from "./paging.ts";
import { providerIdOf } from "./provider-id.ts";

const ofFabric = `${PATHS.fabric}/replicationRecoveryServicesProviders`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

route(
  "listProviders",
  { ...read, path: `${PATHS.vault}/replicationRecoveryServicesProviders` },
  async (call) => {
    const inventory = await inventoryOf(call.services, vaultIn(call.request));
    return list(call, inventory, inventory.fabrics);
  },
);

route("listProvidersOfFabric", { ...read, path: ofFabric }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  return list(call, inventory, [fabricIn(inventory, fabricIdIn(call.request))]);
});

route("getProvider", { ...read, path: `${ofFabric}/{provider}` }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  const { id } = fabricIn(inventory, fabricIdIn(call.request));
  if (!sameArmId(lastSegment(providerIdOf(id)), call.param("provider")))
    throw new LeewardError(
      "NotFound",
      `there is no provider ${call.param("provider").slice(0, 100)} in ${id}`,
    );
  return { jsonBody: view(inventory, id) };
});

const list = (call: Call, inventory: Inventory, fabrics: readonly Fabric[]) =>
  pageOf(
    call,
    fabrics,
    ({ id }) => id,
    ({ id }) => view(inventory, id),
  );

function view(inventory: Inventory, fabric: ArmId) {
  const id = providerIdOf(fabric);
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationRecoveryServicesProviders",
    properties: {
      fabricType: "Azure",
      friendlyName: `Leeward in ${lastSegment(vaultOf(fabric))}`,
      providerVersion: AGENT_VERSION,
      fabricFriendlyName: fabricName(inventory, fabric),
      connectionStatus: "Connected",
      protectedItemCount: inventory.items.filter((item) => isIn(fabric, item.id)).length,
      allowedScenarios: [],
      healthErrorDetails: [],
    },
  };
}
