import {
  type NetworkMappingRequest,
  type NetworkMappingView,
  networkMappingRequest,
  networkMappingUpdate,
} from "../engine/contract/network-mapping.ts";
import { LeewardError } from "../engine/core/errors.ts";
import { type ArmId, armId, sameArmId } from "../engine/core/ids.ts";
import { fabricOf } from "../engine/recovery/fabric.ts";
import { lastSegment, vaultOf } from "../engine/recovery/item.ts";
import { type NetworkMapping, mappingKey } from "../engine/recovery/network-mapping.ts";
import { type Wanted, checkVersion, taggedBy, wantedBy } from "./etag.ts";
import { type Call, bodyOf, route } from "./http.ts";
import { PATHS, PLACE, fabricIn, networkMappingIn, vaultIn } from "./paths.ts";
import type { Services } from "./services.ts";
import { configure, removeConfigured } from "./vault/configure.ts";
import { fabricName, locationOf } from "./vault/fabrics.ts";
import { type Inventory, inventoryOf, isIn } from "./vault/inventory.ts";
import { pageOf } from "./vault/paging.ts";
import { resultRoute } from "./vault/result.ts";

const { networkMappings: ofNetwork, networkMapping: one } = PATHS;
const read = { method: "GET", role: "Reader", versioned: true } as const;

route("listNetworkMappings", { ...read, path: `${PATHS.vault}/replicationNetworkMappings` }, (call) =>
  list(call, () => true),
);

route("listMappingsOfNetwork", { ...read, path: ofNetwork }, (call) => {
  const fabric = fabricIn(call.request);
  return list(call, (row) => isIn(fabric, idOf(vaultIn(call.request), row)));
});

route("getNetworkMapping", { ...read, path: one }, async (call) => {
  const id = networkMappingIn(call.request);
  const { source } = await mappingNamed(call.services, lastSegment(id));
  const tagged = await taggedBy(call.services.records.mappings, mappingKey(source));
  return { ...tagged, jsonBody: await shown(call, id) };
});

route("putNetworkMapping", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const body = await bodyOf(call.request, networkMappingRequest);
  const id = networkMappingIn(call.request);
  const only = wantedBy(call.request);
  return configure(call, id, "putNetworkMapping", () =>
    mapNetwork(call.services, lastSegment(id), body, id, only),
  );
});

route(
  "patchNetworkMapping",
  { method: "PATCH", path: one, role: "Operator", versioned: true },
  async (call) => {
    const { properties } = await bodyOf(call.request, networkMappingUpdate);
    const id = networkMappingIn(call.request);
    const only = wantedBy(call.request);
    const old = await mappingNamed(call.services, lastSegment(id));
    const { recoveryNetworkId = old.target, recoveryFabricName = old.recoveryFabric } = properties;
    const { primaryNetworkId = old.source } = properties.fabricSpecificDetails ?? {};
    const { subnets = old.subnets } = properties.leeward;
    const whole = {
      recoveryNetworkId,
      recoveryFabricName,
      fabricSpecificDetails: { instanceType: "AzureToAzure" as const, primaryNetworkId },
      leeward: { subnets },
    };
    return configure(call, id, "putNetworkMapping", () =>
      mapNetwork(call.services, old.name, { properties: whole }, old.id ?? id, only),
    );
  },
);

route(
  "deleteNetworkMapping",
  { method: "DELETE", path: one, role: "Admin", versioned: true },
  async (call) => {
    const id = networkMappingIn(call.request);
    const only = wantedBy(call.request);
    return removeConfigured(call, id, "removeNetworkMapping", async () => {
      const { source } = await mappingNamed(call.services, lastSegment(id));
      await checkVersion(call.services.records.mappings, mappingKey(source), only);
      await unmapNetwork(call.services, lastSegment(id));
    });
  },
);

resultRoute("networkMappingResult", one, networkMappingIn, shown);

async function shown(call: Call, id: ArmId): Promise<NetworkMappingView> {
  const row = await mappingNamed(call.services, lastSegment(id));
  return view(await inventoryOf(call.services, vaultOf(id)), vaultOf(id), row);
}

async function list(call: Call, wanted: (row: NetworkMapping) => boolean) {
  const vault = vaultIn(call.request);
  const inventory = await inventoryOf(call.services, vault);
  const rows: NetworkMapping[] = [];
  for await (const row of call.services.records.mappings.list())
    if ((!row.id || sameArmId(vaultOf(row.id), vault)) && wanted(row)) rows.push(row);
  return pageOf(
    call,
    rows,
    ({ name }) => name,
    (row) => view(inventory, vault, row),
  );
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
  id?: ArmId,
  only?: Wanted,
): Promise<NetworkMapping> {
  const { primaryNetworkId: source } = properties.fabricSpecificDetails;
  for await (const row of records.mappings.list())
    if (isNamed(row, name) && !sameArmId(row.source, source))
      throw new LeewardError("Conflict", `${name} is the mapping of ${row.source}: choose another name`);
  const row: NetworkMapping = {
    format: 1,
    name,
    ...(id && { id }),
    ...(properties.recoveryFabricName && { recoveryFabric: properties.recoveryFabricName }),
    source,
    target: properties.recoveryNetworkId,
    subnets: properties.leeward.subnets,
    by: "caller",
  };
  return records.mappings.upsert(mappingKey(source), () => row, only);
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
const idOf = (vault: ArmId, { id, name }: NetworkMapping): ArmId =>
  id ??
  armId(
    `${vault}/replicationFabrics/${PLACE.fabric}/replicationNetworks/azureNetwork/replicationNetworkMappings/${name}`,
  );

function view(inventory: Inventory, vault: ArmId, row: NetworkMapping): NetworkMappingView {
  const { name, source, target, subnets, by } = row;
  const id = idOf(vault, row);
  const primary = fabricOf(id);
  const recovery = row.recoveryFabric && armId(`${vault}/replicationFabrics/${row.recoveryFabric}`);
  const type = "replicationFabrics/replicationNetworks/replicationNetworkMappings";
  return {
    id,
    name,
    type: `Microsoft.RecoveryServices/vaults/${type}`,
    properties: {
      state: "Paired",
      primaryNetworkId: source,
      primaryNetworkFriendlyName: lastSegment(source),
      primaryFabricFriendlyName: fabricName(inventory, primary),
      recoveryNetworkId: target,
      recoveryNetworkFriendlyName: lastSegment(target),
      recoveryFabricArmId: recovery || null,
      recoveryFabricFriendlyName: fabricName(inventory, recovery || undefined),
      fabricSpecificSettings: {
        instanceType: "AzureToAzure",
        primaryFabricLocation: locationOf(inventory, primary),
        recoveryFabricLocation: locationOf(inventory, recovery || undefined),
      },
      leeward: { subnets, by },
    },
  };
}
