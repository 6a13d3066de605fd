import {
  type NetworkMappingRequest,
  type NetworkMappingView,
  networkMappingRequest,
} from "../engine/contract/network-mapping.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { sameArmId } from "../engine/core/ids.ts";
import { lastSegment } from "../engine/recovery/item.ts";
import { type NetworkMapping, mappingKey } from "../engine/recovery/network-mapping.ts";
import { type Call, bodyOf, route } from "./http.ts";
import { PATHS, PLACE, vaultIn } from "./paths.ts";
import type { Services } from "./services.ts";

const all = `${PATHS.vault}/replicationNetworkMappings`;
const ofNetwork = `${PATHS.vault}/replicationFabrics/{fabric}/replicationNetworks/{network}/replicationNetworkMappings`;
const one = `${ofNetwork}/{mapping}`;
const read = { method: "GET", role: "Reader", versioned: true } as const;

route("listNetworkMappings", { ...read, path: all }, list);
route("listMappingsOfNetwork", { ...read, path: ofNetwork }, list);

route("getNetworkMapping", { ...read, path: one }, async (call) => ({
  jsonBody: view(call, await mappingNamed(call.services, call.param("mapping"))),
}));

route("putNetworkMapping", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const body = await bodyOf(call.request, networkMappingRequest);
  return { jsonBody: view(call, await mapNetwork(call.services, call.param("mapping"), body)) };
});

route(
  "deleteNetworkMapping",
  { method: "DELETE", path: one, role: "Operator", versioned: true },
  async ({ services, param }) => {
    await unmapNetwork(services, param("mapping"));
    return { status: 204 };
  },
);

async function list(call: Call) {
  const value = [];
  for await (const row of call.services.records.mappings.list()) value.push(view(call, row));
  return { jsonBody: { value, nextLink: null } };
}

/**
 * Says where machines of a network go that are protected from now on; those that are protected stay where they are. Of one
 * direction: the way back is a row of its own.
 * @throws Conflict when a row of another network has the name
 */
export async function mapNetwork(
  { records }: Pick<Services, "records">,
  name: string,
  { properties }: NetworkMappingRequest,
): Promise<NetworkMapping> {
  const { primaryNetworkId: source } = properties.fabricSpecificDetails;
  for await (const row of records.mappings.list())
    if (isNamed(row, name) && !sameArmId(row.source, source))
      throw new LeewardError("Conflict", `${name} is the mapping of ${row.source}: choose another name`);
  const row: NetworkMapping = {
    format: 1,
    name,
    source,
    target: properties.recoveryNetworkId,
    subnets: properties.leeward.subnets,
    by: "caller",
  };
  return records.mappings.upsert(mappingKey(source), () => row);
}

/** Nothing happens when there is none. */
export async function unmapNetwork({ records }: Pick<Services, "records">, name: string): Promise<void> {
  for await (const row of records.mappings.list())
    if (isNamed(row, name)) await records.mappings.delete(mappingKey(row.source));
}

async function mappingNamed({ records }: Services, name: string): Promise<NetworkMapping> {
  for await (const row of records.mappings.list()) if (isNamed(row, name)) return row;
  throw new LeewardError("NotFound", `there is no network mapping ${name.slice(0, 100)}`);
}

const isNamed = (row: NetworkMapping, name: string): boolean => row.name.toLowerCase() === name.toLowerCase();

/** Azure Site Recovery has one network for all of Azure in these paths. */
function view({ request }: Call, { name, source, target, subnets, by }: NetworkMapping): NetworkMappingView {
  const type = "replicationFabrics/replicationNetworks/replicationNetworkMappings";
  const path = `replicationFabrics/${PLACE.fabric}/replicationNetworks/azureNetwork/replicationNetworkMappings`;
  return {
    id: `${vaultIn(request)}/${path}/${name}`,
    name,
    type: `Microsoft.RecoveryServices/vaults/${type}`,
    properties: {
      state: "Paired",
      primaryNetworkId: source,
      primaryNetworkFriendlyName: lastSegment(source),
      recoveryNetworkId: target,
      recoveryNetworkFriendlyName: lastSegment(target),
      fabricSpecificSettings: { instanceType: "AzureToAzure" },
      leeward: { subnets, by },
    },
  };
}
