import { createHash } from "node:crypto";
import { type FabricView, fabricRequest } from "../../engine/contract/fabric.ts";
import { LeewardError } from "../../engine/core/errors.ts";
import { type ArmId, sameArmId, uuidOf } from "../../engine/core/ids.ts";
import { regionName } from "../../engine/core/region.ts";
import type { FabricRecord } from "../../engine/recovery/fabric.ts";
import { lastSegment, vaultOf } from "../../engine/recovery/item.ts";
import { resourceKey } from "../../engine/recovery/resource-key.ts";
import { type Wanted, checkVersion, taggedBy, wantedBy } from "../etag.ts";
import { type Call, bodyOf, route } from "../http.ts";
import { PATHS, fabricIn as idIn, vaultIn } from "../paths.ts";
import type { Services } from "../services.ts";
import { configure, removeConfigured } from "./configure.ts";
import { type Fabric, type Inventory, fabricIn, inventoryOf, isIn, naming } from "./inventory.ts";
import { pageOf } from "./paging.ts";
import { resultRoute } from "./result.ts";

const { fabrics: all, fabric: one } = PATHS;
const read = { method: "GET", role: "Reader", versioned: true } as const;
const taken = { role: "Admin", versioned: true } as const;

route("listFabrics", { ...read, path: all }, async (call) => {
  const inventory = await inventoryOf(call.services, vaultIn(call.request));
  return pageOf(
    call,
    inventory.fabrics,
    ({ id }) => id,
    (fabric) => fabricView(inventory, fabric),
  );
});

route("getFabric", { ...read, path: one }, async (call) => {
  const id = idIn(call.request);
  return {
    ...(await taggedBy(call.services.records.fabrics, resourceKey(id))),
    jsonBody: await shown(call, id),
  };
});

route("putFabric", { method: "PUT", path: one, role: "Operator", versioned: true }, async (call) => {
  const id = idIn(call.request);
  const { location } = (await bodyOf(call.request, fabricRequest)).properties.customDetails;
  const only = wantedBy(call.request);
  return configure(call, id, "putFabric", () => putFabric(call.services, id, location, only));
});

route("removeFabric", { ...taken, method: "POST", path: `${one}/remove` }, (call) => remove(call, false));
route("purgeFabric", { ...taken, method: "DELETE", path: one }, (call) => remove(call, true));

/** Nothing of a fabric is kept anywhere else that it could differ from. */
route(
  "checkFabric",
  { method: "POST", path: `${one}/checkConsistency`, role: "Operator", versioned: true },
  (call) => {
    const id = idIn(call.request);
    return configure(call, id, "checkConsistency", () => shown(call, id));
  },
);

resultRoute("fabricResult", one, idIn, shown);

async function shown({ services }: Call, id: ArmId): Promise<FabricView> {
  const inventory = await inventoryOf(services, vaultOf(id));
  return fabricView(inventory, fabricIn(inventory, id));
}

/** @throws Conflict for a fabric that is in another region */
export function putFabric(
  { records }: Pick<Services, "records">,
  id: ArmId,
  location: string,
  only?: Wanted,
): Promise<FabricRecord> {
  const change = (old: FabricRecord | undefined): FabricRecord => {
    if (old && old.location !== location)
      throw new LeewardError("Conflict", `${lastSegment(id)} is in ${old.location}: choose another name`);
    return old ?? { format: 1, id, location };
  };
  return records.fabrics.upsert(resourceKey(id), change, only);
}

function remove(call: Call, purge: boolean) {
  const id = idIn(call.request);
  const only = wantedBy(call.request);
  return removeConfigured(call, id, "removeFabric", () => removeFabric(call.services, id, purge, only));
}

/**
 * With its containers and their mappings when it is purged.
 * @throws Conflict while something is in it; NotFound
 */
export async function removeFabric(
  services: Pick<Services, "records">,
  id: ArmId,
  purge: boolean,
  only?: Wanted,
): Promise<void> {
  const { records } = services;
  const inventory = await inventoryOf(services, vaultOf(id));
  fabricIn(inventory, id);
  const items = inventory.items.filter((item) => names(id, item.id) || names(id, item.recoveryContainerId));
  if (items.length > 0)
    throw new LeewardError(
      "Conflict",
      `${lastSegment(id)} has protected items: ${naming(items.map((item) => item.id))}`,
    );
  const containers = inventory.containers.filter((container) => isIn(id, container));
  const mappings = inventory.mappings.filter((one) => names(id, one.id) || names(id, one.target));
  if (!purge && containers.length > 0)
    throw new LeewardError("Conflict", `${lastSegment(id)} has protection containers: ${naming(containers)}`);
  await checkVersion(records.fabrics, resourceKey(id), only);
  for (const mapping of mappings) await records.containerMappings.delete(resourceKey(mapping.id));
  for (const container of containers) await records.containers.delete(resourceKey(container));
  await records.fabrics.delete(resourceKey(id), only);
}

const names = (fabric: ArmId, id: string | undefined): boolean => id !== undefined && isIn(fabric, id);

const NO_ENCRYPTION = { kekState: "None", kekCertThumbprint: null };

export function fabricView({ containers }: Inventory, { id, location = "" }: Fabric): FabricView {
  return {
    id,
    name: lastSegment(id),
    type: "Microsoft.RecoveryServices/vaults/replicationFabrics",
    properties: {
      friendlyName: location === "" ? lastSegment(id) : regionName(location),
      encryptionDetails: NO_ENCRYPTION,
      rolloverEncryptionDetails: NO_ENCRYPTION,
      internalIdentifier: uuidOf(createHash("sha256").update(id.toLowerCase()).digest()),
      bcdrState: "Valid",
      customDetails: {
        instanceType: "Azure",
        location,
        containerIds: containers.filter((container) => isIn(id, container)),
        zones: [],
        extendedLocations: [],
        locationDetails: [],
      },
      healthErrorDetails: [],
      health: "Normal",
    },
  };
}

const found = ({ fabrics }: Inventory, id: ArmId | undefined): Fabric | undefined =>
  fabrics.find((one) => id !== undefined && sameArmId(one.id, id));

/** As people call the region that it is; empty for none. */
export const fabricName = (inventory: Inventory, id: ArmId | undefined): string => {
  const fabric = found(inventory, id);
  return fabric ? fabricView(inventory, fabric).properties.friendlyName : "";
};

/** Empty where it is not known. */
export const locationOf = (inventory: Inventory, id: ArmId | undefined): string =>
  found(inventory, id)?.location ?? "";
